/* xt804: the boot decision of secboot V1.1, the boot code of XT804 modules, as
 * chips/xt804 has it and the reference tells it (xt804.md 3): which image is
 * started, whether the package is applied, and the letter that ROM is given.
 * Packages that are not compressed are applied too. What it would have to
 * unpack, or put into RAM, it leaves alone: it says so and returns with the
 * letter U. */
#include "../airlift.h"

AIR_EXPORT("describe") const char *describe(void) {
    return "xt804: the boot decision of XT804 modules, and the copy of a plain package\n";
}

#define SAY(kind, text) air_say(kind, text, sizeof(text) - 1)

#define FLASH 0x08000000u
#define OFF(addr) ((addr) & 0x07FFFFFFu)
#define SECBOOT_HEADER (FLASH + 0x2000u)
#define UPGRADE (FLASH + 0x10000u)
#define SECTOR 4096u
#define PAGE_AREA_LAST 0x1FFFFFFFu
#define RAM_TOP 0x20048000u
#define MAGIC 0xA0FFFF9Fu
#define ERASED 0xFFFFFFFFu

enum { TYPE_APP = 1 };

struct header {
    u32 magic, attr, img_addr, img_len, img_header_addr, upgrade_img_addr, org_checksum, upd_no;
    u8 ver[16];
    u32 reserved[2], next, hd_checksum;
};

static u32 type(const struct header *h) { return h->attr & 0xF; }
static u32 zipped(const struct header *h) { return h->attr >> 16 & 1; }
static u32 signature(const struct header *h) { return h->attr >> 8 & 1 ? 128 : 0; }

static u32 size, flag;

/* flash_read reads what is mapped; behind the flash everything is erased. */
static void flash_read(u32 addr, void *to, u32 n) {
    u32 off = OFF(addr), have = off < size ? size - off : 0;
    u8 *p = to;
    if (have > n) have = n;
    for (u32 i = have; i < n; i++) p[i] = 0xFF;
    if (have) air_read(0, off, p, have);
}

static u32 jamcrc(u32 chip, u32 off, u32 n) {
    u32 sum = 0;
    air_crc32(chip, off, n, &sum);
    return ~sum;
}

/* judge_header returns 'C' or the letter of the first rule that is broken
 * (xt804.md 3.2). */
static char judge_header(const struct header *h) {
    u32 end = FLASH + size, in_flash = h->img_addr <= PAGE_AREA_LAST;
    if (h->magic != MAGIC) return 'L';
    if (!zipped(h) && h->img_addr & 0x3FF) return 'K';
    if (in_flash && h->img_addr >= end) return 'J';
    if (h->img_addr >= RAM_TOP && h->img_addr <= 0x2FFFFFFFu) return 'J';
    if (h->img_len == 0) return 'I';
    if (in_flash && h->img_len >= end - h->img_addr) return 'I';
    if (!in_flash && h->img_len >= RAM_TOP - h->img_addr) return 'I';
    if (h->hd_checksum != jamcrc(AIR_RAM, (u32)(unsigned long)h, 60)) return 'L';
    return 'C';
}

/* judge_body checks a body on the flash (xt804.md 3.3). Nothing was put into
 * RAM here. */
static char judge_body(const struct header *h, u32 addr) {
    if (addr < FLASH || addr - FLASH >= size || h->img_len > size - (addr - FLASH)) return 'M';
    return jamcrc(0, addr - FLASH, h->img_len) == h->org_checksum ? 'C' : 'M';
}

struct image {
    struct header h;
    u32 addr;
    char status;
};

/* look finds the first bootable image, along the chain of headers or in the
 * area of packages (xt804.md 3.4). A circle of headers never ends. */
static void look(struct image *im, u32 addr, int area) {
    for (;;) {
        u32 next;
        im->addr = addr;
        flash_read(addr, &im->h, sizeof im->h);
        if (judge_header(&im->h) != 'C') {
            im->status = 'L';
            return;
        }
        if (type(&im->h) == TYPE_APP) {
            im->status = judge_body(&im->h, area ? addr + sizeof im->h : im->h.img_addr);
            return;
        }
        next = area ? addr + sizeof im->h + im->h.img_len + signature(&im->h) : im->h.next;
        if (next < FLASH || next - FLASH >= size) {
            im->status = 'J';
            return;
        }
        addr = next;
    }
}

static i32 fail(char letter) {
    air_result(AIR_STATUS, (u32)letter);
    return AIR_BOOT_FAILED;
}

/* write rewrites each sector that the bytes touch, as the driver does. */
static void write(u32 addr, const u8 *p, u32 n) {
    static u8 sector[SECTOR];
    for (u32 off = OFF(addr); n > 0 && off < size;) {
        u32 base = off & ~(SECTOR - 1), at = off - base, k = SECTOR - at;
        if (k > n) k = n;
        air_read(0, base, sector, SECTOR);
        for (u32 i = 0; i < k; i++) sector[at + i] = p[i];
        air_erase(0, base, SECTOR);
        air_program(0, base, sector, SECTOR);
        off += k;
        p += k;
        n -= k;
    }
}

static void clear_flag(void) {
    u32 erased = ERASED;
    if (flag != ERASED) write(FLASH + size - SECTOR, (u8 *)&erased, 4);
}

/* copy_blocks copies whole blocks: what lies behind the bytes comes along. */
static void copy_blocks(u32 to, u32 from, u32 n) {
    static u8 block[SECTOR];
    for (i32 left = (i32)n; left > 0; left -= (i32)SECTOR, to += SECTOR, from += SECTOR) {
        air_watchdog_feed();
        flash_read(from, block, SECTOR);
        if (to <= PAGE_AREA_LAST) write(to, block, SECTOR);
    }
}

/* start hands an image over with the seven boot words (xt804.md 3.6). */
static i32 start(const struct header *h, u32 off) {
    struct header sb;
    flash_read(SECBOOT_HEADER, &sb, sizeof sb);
    u32 words[7] = {size, h->attr, h->img_addr, h->img_len, sb.attr, sb.img_addr, sb.img_len};
    for (u32 i = 0; i < 7; i++) air_result(AIR_PARAM0 + i, words[i]);
    air_result(AIR_STATUS, 'C');
    return (i32)off;
}

static i32 upgrade(const struct header *h) {
    if (zipped(h) || h->img_addr > PAGE_AREA_LAST) {
        SAY(AIR_DECIDE, "decision: UPGRADE, and the package has to be unpacked or put into RAM");
        return fail('U');
    }
    SAY(AIR_DECIDE, "decision: UPGRADE by a plain copy");
    copy_blocks(h->img_header_addr, h->upgrade_img_addr, sizeof *h);
    copy_blocks(h->img_addr, h->upgrade_img_addr + sizeof *h, h->img_len + signature(h));
    clear_flag();
    if (judge_body(h, h->img_addr) != 'C') return fail('M');
    air_result(AIR_UPGRADED, 1);
    u32 place = h->img_header_addr <= PAGE_AREA_LAST && OFF(h->img_header_addr) < size ? h->img_header_addr : h->img_addr;
    return start(h, OFF(place));
}

/* escaped reports whether three ESC bytes wait in a row. */
static int escaped(void) {
    u8 c;
    u32 row = 0;
    while (air_console_read(&c, 1) == 1)
        if ((row = c == 0x1B ? row + 1 : 0) == 3) return 1;
    return 0;
}

AIR_EXPORT("boot") i32 boot(void) {
    static struct image run, upg;
    struct header rom;
    size = (u32)air_geometry(0, AIR_SIZE);
    flash_read(SECBOOT_HEADER, &rom, sizeof rom);
    if (judge_header(&rom) != 'C') return fail('L');
    if (judge_body(&rom, rom.img_addr) != 'C') return fail('M');
    flash_read(FLASH + size - SECTOR, &flag, 4);
    if (escaped()) {
        SAY(AIR_PRINT, "Secboot V1.1\r\n");
        clear_flag();
        air_result(AIR_STATUS, 'C');
        return AIR_BOOT_DOWNLOAD;
    }
    look(&run, SECBOOT_HEADER, 0);
    look(&upg, UPGRADE, 1);
    if (upg.status != 'C') return run.status == 'C' ? start(&run.h, OFF(run.addr)) : fail(run.status);
    if (run.status != 'C') return upgrade(&upg.h);
    if (upg.h.org_checksum == run.h.org_checksum && upg.h.hd_checksum == run.h.hd_checksum) return start(&run.h, OFF(run.addr));
    return flag == upg.h.org_checksum ? upgrade(&upg.h) : start(&run.h, OFF(run.addr));
}
