/* inplace-delta: one slot and no second one. A delta makes the new image
 * sector by sector out of what is in the slot. Each sector is put together in
 * RAM, kept in a scratch sector, and only then put in its place: whatever a
 * power cut destroys is still there once more. */
#include "../parts.h"

#ifndef DESCRIPTION
#define DESCRIPTION "inplace-delta: a delta is applied in place, through a scratch sector"
#endif

AIR_EXPORT("describe") const char *describe(void) { return DESCRIPTION "\nboard: GenDelta\n"; }

enum { DONE = 1, APPLY };

static struct air_partition scratch;
static struct air_delta delta;

static void find_all(void) {
    find_slots();
    FIND("scratch", &scratch);
}

/* delta_ok reads the header of the download and checks it. */
static int delta_ok(void) {
    u32 sum = 0;
    air_read(slot1.chip, slot1.off, &delta, sizeof delta);
    air_crc32(AIR_RAM, (u32)(unsigned long)&delta, sizeof delta - 4, &sum);
    return delta.magic == AIR_DELTA_MAGIC && delta.header == sizeof delta && delta.header_crc == sum &&
           delta.payload <= slot1.size - sizeof delta && delta.size <= slot0.size && delta.sector == SECTOR &&
           delta.from <= slot0.size && delta.from_len <= slot0.size - delta.from;
}

/* A window of a partition: small reads next to one another become one. */
struct window {
    u32 begin, end;
    u8 bytes[1024];
};
static struct window payload, old;

/* copy_from copies n bytes at a place, by way of a window. */
static void copy_from(struct window *w, const struct air_partition *p, u32 at, void *to, u32 n) {
    if (at > p->size || n > p->size - at) return; /* the CRC was right: it cannot be */
    if (n > sizeof w->bytes) {
        air_read(p->chip, p->off + at, to, n);
        return;
    }
    if (at < w->begin || at + n > w->end) {
        u32 have = p->size - at;
        if (have > sizeof w->bytes) have = sizeof w->bytes;
        air_read(p->chip, p->off + at, w->bytes, have);
        w->begin = at;
        w->end = at + have;
    }
    memcpy(to, w->bytes + (at - w->begin), n);
}

static void read_payload(u32 at, void *to, u32 n) { copy_from(&payload, &slot1, sizeof delta + at, to, n); }

static u32 payload_word(u32 at) {
    u32 v = 0;
    read_payload(at, &v, 4);
    return v;
}

/* make puts sector i of the new image together in RAM. */
static void make(u32 i) {
    u32 want = delta.size - i * SECTOR, at = payload_word(4 * i);
    if (want > SECTOR) want = SECTOR;
    memset(sector_buffer + want, 0xFF, SECTOR - want);
    old.end = 0; /* the slot has changed */
    for (u32 done = 0; done < want;) {
        u32 op = payload_word(at), n = op & 0xFFFF;
        at += 4;
        if (n == 0 || n > want - done) return; /* the CRC was right: it cannot be */
        if (op >> 16 == AIR_DELTA_COPY) {
            copy_from(&old, &slot0, payload_word(at), sector_buffer + done, n);
            at += 4;
        } else {
            read_payload(at, sector_buffer + done, n);
            at += (n + 3) & ~3u;
        }
        done += n;
    }
}

static void put(u32 chip, u32 off) {
    air_erase(chip, off, SECTOR);
    air_program(chip, off, sector_buffer, SECTOR);
}

/* apply goes on where the last power cut stopped it. */
static void apply(void) {
    SAY(AIR_DO, "apply the delta");
    for (u32 i = 0; i < sectors(delta.size); i++) {
        air_watchdog_feed();
#ifdef NO_JOURNAL
        if (marked(i)) continue;
        make(i);
        put(slot0.chip, slot0.off + i * SECTOR);
        mark(i);
#else
        if (!marked(2 * i)) {
            make(i);
            put(scratch.chip, scratch.off);
            mark(2 * i);
        }
        if (!marked(2 * i + 1)) {
            copy_sector(slot0.chip, slot0.off + i * SECTOR, scratch.chip, scratch.off);
            mark(2 * i + 1);
        }
#endif
    }
}

AIR_EXPORT("boot") i32 boot(void) {
    struct record r;
    find_all();
    last_record(&r);
    if (r.what == APPLY && delta_ok()) {
        apply();
        add_record(DONE, 0, 0, 0);
        air_result(AIR_UPGRADED, 1);
    }
    return start(&slot0);
}

AIR_EXPORT("updater_init") i32 updater_init(u32 where, u32 len) {
    (void)where, (void)len;
    find_all();
    begin(&slot1);
    return 0;
}

AIR_EXPORT("updater_write") i32 updater_write(const u8 *p, u32 len) { return take(p, len); }

/* ready checks the download, and that it is made for what is in the slot. */
static int ready(void) {
    u32 sum = 0, base = 0;
    if (failed || !delta_ok() || written < sizeof delta + delta.payload) return 0;
    air_crc32(slot1.chip, slot1.off + sizeof delta, delta.payload, &sum);
    air_crc32(slot0.chip, slot0.off + delta.from, delta.from_len, &base);
    return sum == delta.payload_crc && base == delta.from_crc;
}

AIR_EXPORT("updater_done") i32 updater_done(void) { return ready() ? 0 : -1; }

AIR_EXPORT("updater_end") i32 updater_end(u32 ok) {
    if (!ok || !ready()) return -1;
    clear_marks();
    add_record(APPLY, 0, 0, 0);
    failed = 1;
    return 0;
}
