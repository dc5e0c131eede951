//! ab-rust: what ab does, in Rust: two slots, a trial boot and a way back.
#![no_std]
#![no_main]

use core::cell::UnsafeCell;

#[link(wasm_import_module = "airlift_v1")]
extern "C" {
    fn partition(name: *const u8, len: u32, out: *mut Partition) -> i32;
    fn read(chip: u32, off: u32, to: *mut u8, len: u32) -> i32;
    fn program(chip: u32, off: u32, from: *const u8, len: u32) -> i32;
    fn erase(chip: u32, off: u32, len: u32) -> i32;
    fn crc32(chip: u32, off: u32, len: u32, sum: *mut u32) -> i32;
    fn say(kind: u32, text: *const u8, len: u32);
    fn result(key: u32, value: u32);
}

const RAM: u32 = 0xFFFF_FFFF;
const DECIDE: u32 = 2;
const UPGRADED: u32 = 0;
const BOOT_FAILED: i32 = -1;
const IMAGE_MAGIC: u32 = 0x3152_4941;
const HEADER: u32 = 256;
const SECTOR: u32 = 4096;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Partition {
    chip: u32,
    off: u32,
    size: u32,
}

fn find(name: &[u8]) -> Partition {
    let mut p = Partition { chip: 0, off: 0, size: 0 };
    if unsafe { partition(name.as_ptr(), name.len() as u32, &mut p) } != 0 {
        core::arch::wasm32::unreachable();
    }
    p
}

fn slot(i: u32) -> Partition {
    find(if i == 0 { b"slot0" } else { b"slot1" })
}

fn tell(text: &str) {
    unsafe { say(DECIDE, text.as_ptr(), text.len() as u32) }
}

/// word reads a little-endian word of a partition.
fn word(p: &Partition, at: u32) -> u32 {
    let mut b = [0u8; 4];
    unsafe { read(p.chip, p.off + at, b.as_mut_ptr(), 4) };
    u32::from_le_bytes(b)
}

fn sum(chip: u32, off: u32, len: u32) -> u32 {
    let mut s = 0;
    unsafe { crc32(chip, off, len, &mut s) };
    s
}

/// size returns the bytes of the whole image in a slot, or None.
fn size(p: &Partition) -> Option<u32> {
    let body = word(p, 8);
    let good = word(p, 0) == IMAGE_MAGIC
        && word(p, 4) == HEADER
        && word(p, HEADER - 4) == sum(p.chip, p.off, HEADER - 4)
        && body <= p.size - HEADER
        && word(p, 12) == sum(p.chip, p.off + HEADER, body);
    if good { Some(HEADER + body) } else { None }
}

// The state is a log in the first two sectors of its partition, as in parts.h.

const RECORD_MAGIC: u32 = 0x4345_5241;
const RECORD: u32 = 32;
const RECORDS: u32 = SECTOR / RECORD;
const CONFIRMED: u32 = 1;
const TRIAL: u32 = 2;
const TRIES: u32 = 3;

/// Words of a record: magic, number, what, slot, tries left, 0, -1, sum.
type Record = [u32; 8];

fn record_sum(r: &Record) -> u32 {
    sum(RAM, r.as_ptr() as u32, RECORD - 4)
}

fn record(state: &Partition, i: u32) -> Record {
    let mut r = [0; 8];
    unsafe { read(state.chip, state.off + i * RECORD, r.as_mut_ptr() as *mut u8, RECORD) };
    r
}

/// last returns the newest record, or one of zeros, and its sector.
fn last(state: &Partition) -> (Record, u32) {
    let mut newest = ([0; 8], 0);
    for i in 0..2 * RECORDS {
        let r = record(state, i);
        if r[0] == RECORD_MAGIC && r[1] > newest.0[1] && r[7] == record_sum(&r) {
            newest = (r, i / RECORDS);
        }
    }
    newest
}

fn add(what: u32, slot: u32, tries: u32) {
    let state = find(b"state");
    let (newest, mut sector) = last(&state);
    let mut n = RECORDS;
    while n > 0 && record(&state, sector * RECORDS + n - 1) == [!0; 8] {
        n -= 1;
    }
    if n == RECORDS {
        sector ^= 1;
        n = 0;
        unsafe { erase(state.chip, state.off + sector * SECTOR, SECTOR) };
    }
    let mut r = [RECORD_MAGIC, newest[1] + 1, what, slot, tries, 0, !0, 0];
    r[7] = record_sum(&r);
    unsafe { program(state.chip, state.off + (sector * RECORDS + n) * RECORD, r.as_ptr() as *const u8, RECORD) };
}

/// current returns what is to run: state, slot, tries left.
fn current() -> (u32, u32, u32) {
    match last(&find(b"state")).0 {
        [_, _, 0, ..] => (CONFIRMED, 0, 0),
        [_, _, what, slot, tries, ..] => (what, slot, tries),
    }
}

fn start(i: u32) -> Option<i32> {
    let p = slot(i);
    size(&p).map(|_| p.off as i32)
}

#[no_mangle]
pub extern "C" fn describe() -> *const u8 {
    b"ab-rust: two slots, a trial and a way back, in Rust\nboard: GenAB\n\0".as_ptr()
}

#[no_mangle]
pub extern "C" fn boot() -> i32 {
    let (what, mut run, tries) = current();
    if what == TRIAL {
        if let (true, Some(at)) = (tries > 0, start(run)) {
            tell("try the new image");
            add(TRIAL, run, tries - 1);
            unsafe { result(UPGRADED, (tries == TRIES) as u32) };
            return at;
        }
        tell("the new image does not come up: back to the old one");
        run ^= 1;
        add(CONFIRMED, run, 0);
    }
    start(run).or_else(|| start(run ^ 1)).unwrap_or(BOOT_FAILED)
}

#[no_mangle]
pub extern "C" fn confirm() {
    if let (TRIAL, run, _) = current() {
        add(CONFIRMED, run, 0);
    }
}

// The update agent. It is alone in its memory: nothing runs at the same time.

struct Download {
    piece: [u8; SECTOR as usize],
    target: Option<Partition>,
    written: u32,
}

struct Only(UnsafeCell<Download>);
unsafe impl Sync for Only {}

static DOWNLOAD: Only = Only(UnsafeCell::new(Download { piece: [0; SECTOR as usize], target: None, written: 0 }));

fn download() -> &'static mut Download {
    unsafe { &mut *DOWNLOAD.0.get() }
}

#[no_mangle]
pub extern "C" fn updater_buffer(_len: u32) -> *mut u8 {
    download().piece.as_mut_ptr()
}

#[no_mangle]
pub extern "C" fn updater_init(_start: u32, _len: u32) -> i32 {
    let (what, run, _) = current();
    if what == TRIAL {
        return -1; // the other slot is the way back
    }
    let d = download();
    d.target = Some(slot(run ^ 1));
    d.written = 0;
    0
}

#[no_mangle]
pub extern "C" fn updater_write(mut p: *const u8, mut len: u32) -> i32 {
    let d = download();
    let t = match d.target {
        Some(t) if len <= t.size - d.written => t,
        _ => {
            d.target = None;
            return -1;
        }
    };
    while len > 0 {
        let n = len.min(SECTOR - d.written % SECTOR);
        unsafe {
            if d.written % SECTOR == 0 {
                erase(t.chip, t.off + d.written, SECTOR);
            }
            if program(t.chip, t.off + d.written, p, n) != 0 {
                d.target = None;
                return -1;
            }
            p = p.add(n as usize);
        }
        d.written += n;
        len -= n;
    }
    0
}

#[no_mangle]
pub extern "C" fn updater_done() -> i32 {
    let d = download();
    match d.target.and_then(|t| size(&t)) {
        Some(n) if n <= d.written => 0,
        _ => -1,
    }
}

#[no_mangle]
pub extern "C" fn updater_end(ok: u32) -> i32 {
    if ok == 0 || updater_done() != 0 {
        return -1;
    }
    let (_, run, _) = current();
    add(TRIAL, run ^ 1, TRIES);
    download().target = None;
    0
}
