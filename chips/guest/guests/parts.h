/* parts.h: what the shipped guests share. Not part of the interface. */
#ifndef PARTS_H
#define PARTS_H

#include "airlift.h"

#define SECTOR 4096u
#define SAY(kind, text) air_say(kind, text, sizeof(text) - 1)

typedef u64 __attribute__((aligned(1), may_alias)) anywhere;

/* The compiler calls these by itself. */
void *memcpy(void *to, const void *from, unsigned long n) {
    u8 *t = to;
    const u8 *f = from;
    for (; n >= 8; n -= 8, t += 8, f += 8) *(anywhere *)t = *(const anywhere *)f;
    while (n--) *t++ = *f++;
    return to;
}
void *memset(void *to, int v, unsigned long n) {
    for (u8 *t = to, *end = t + n; t < end;) *t++ = (u8)v;
    return to;
}

static struct air_partition state, slot0, slot1;

/* find looks a partition up. A board without it is not for this guest. */
static void find(const char *name, u32 len, struct air_partition *p) {
    if (air_partition(name, len, p) != AIR_OK) {
        air_say(AIR_FINDING, "the board lacks a partition:", 28);
        air_say(AIR_FINDING, name, len);
        __builtin_trap();
    }
}
#define FIND(name, p) find(name, sizeof(name) - 1, p)

static void find_slots(void) {
    FIND("state", &state);
    FIND("slot0", &slot0);
    FIND("slot1", &slot1);
}

/* --- Images ------------------------------------------------------------- */

/* header_ok reads the header of a slot and checks it. */
static int header_ok(const struct air_partition *slot, struct air_image *im) {
    u32 sum = 0;
    air_read(slot->chip, slot->off, im, sizeof *im);
    air_crc32(AIR_RAM, (u32)(unsigned long)im, sizeof *im - 4, &sum);
    return im->magic == AIR_IMAGE_MAGIC && im->header == sizeof *im && im->header_crc == sum &&
           im->body <= slot->size - sizeof *im;
}

/* image_ok checks a whole image. */
static int image_ok(const struct air_partition *slot) {
    struct air_image im;
    u32 sum = 0;
    if (!header_ok(slot, &im)) return 0;
    air_crc32(slot->chip, slot->off + sizeof im, im.body, &sum);
    return sum == im.body_crc;
}

/* image_size is the size of a slot's image, or of the slot if there is none. */
static u32 image_size(const struct air_partition *slot) {
    struct air_image im;
    return header_ok(slot, &im) ? sizeof im + im.body : slot->size;
}

/* start hands the image of a slot over if it is whole. */
static i32 start(const struct air_partition *slot) {
    if (image_ok(slot)) return (i32)slot->off;
    SAY(AIR_DECIDE, "no image is whole: nothing to start");
    return AIR_BOOT_FAILED;
}

static u32 sectors(u32 bytes) { return (bytes + SECTOR - 1) / SECTOR; }

static u8 sector_buffer[SECTOR];

/* copy_sector erases a sector and copies another there. */
static void copy_sector(u32 chip, u32 to, u32 from_chip, u32 from) {
    air_watchdog_feed();
    air_read(from_chip, from, sector_buffer, SECTOR);
    air_erase(chip, to, SECTOR);
    air_program(chip, to, sector_buffer, SECTOR);
}

/* --- Records ------------------------------------------------------------
 * The state is a log in the first two sectors of its partition. A record is
 * valid if its sum is right; the one with the highest number counts. A sector
 * is erased only while the other one holds the newest record. */

struct record {
    u32 magic, number;
    u32 what, a, b, c;
    u32 reserved, sum;
};
#define RECORD_MAGIC 0x43455241u /* "AREC" */
#define RECORDS (SECTOR / sizeof(struct record))

static u32 record_at(u32 i) { return state.off + i * sizeof(struct record); }

static u32 record_sum(const struct record *r) {
    u32 sum = 0;
    air_crc32(AIR_RAM, (u32)(unsigned long)r, sizeof *r - 4, &sum);
    return sum;
}

/* last_record finds the newest record; what is 0 if there is none. It returns
 * the sector that it is in. */
static u32 last_record(struct record *last) {
    struct record *r = (struct record *)sector_buffer;
    u32 in = 0;
    memset(last, 0, sizeof *last);
    for (u32 s = 0; s < 2; s++) {
        air_read(state.chip, record_at(s * RECORDS), sector_buffer, SECTOR);
        for (u32 i = 0; i < RECORDS; i++) {
            if (r[i].magic != RECORD_MAGIC || r[i].number <= last->number || record_sum(&r[i]) != r[i].sum) continue;
            *last = r[i];
            in = s;
        }
    }
    return in;
}

static int blank(const u8 *p, u32 n) {
    while (n--)
        if (*p++ != 0xFF) return 0;
    return 1;
}

/* add_record appends a record. */
static void add_record(u32 what, u32 a, u32 b, u32 c) {
    struct record r, last;
    u32 in = last_record(&last), n = RECORDS;
    air_read(state.chip, record_at(in * RECORDS), sector_buffer, SECTOR);
    while (n > 0 && blank(sector_buffer + (n - 1) * sizeof r, sizeof r)) n--;
    if (n == RECORDS) {
        in ^= 1;
        n = 0;
        air_erase(state.chip, record_at(in * RECORDS), SECTOR);
    }
    r.magic = RECORD_MAGIC;
    r.number = last.number + 1;
    r.what = what;
    r.a = a;
    r.b = b;
    r.c = c;
    r.reserved = 0xFFFFFFFFu;
    r.sum = record_sum(&r);
    air_program(state.chip, record_at(in * RECORDS + n), &r, sizeof r);
}

/* --- Marks --------------------------------------------------------------
 * Progress of something long: words in the third sector of the state that go
 * from erased to zero. A torn mark is not set, and setting it again is right. */

static u32 mark_at(u32 i) { return state.off + 2 * SECTOR + 4 * i; }

static int marked(u32 i) {
    u32 v;
    air_read(state.chip, mark_at(i), &v, 4);
    return v == 0;
}

static void mark(u32 i) {
    u32 v = 0;
    air_program(state.chip, mark_at(i), &v, 4);
}

static void clear_marks(void) { air_erase(state.chip, mark_at(0), SECTOR); }

/* --- Downloads ---------------------------------------------------------- */

static u8 piece[SECTOR];
static struct air_partition target; /* of the download */
static u32 written;
static int failed = 1; /* nothing was begun */

AIR_EXPORT("updater_buffer") void *updater_buffer(u32 len) {
    (void)len;
    return piece;
}

/* begin starts a download into a slot. */
static void begin(const struct air_partition *slot) {
    target = *slot;
    written = 0;
    failed = 0;
}

/* take writes a piece behind the last one, erasing as it goes. */
static i32 take(const u8 *p, u32 len) {
    if (failed || len > target.size - written) {
        failed = 1;
        return -1;
    }
    while (len > 0) {
        u32 n = SECTOR - written % SECTOR;
        if (n > len) n = len;
        if (written % SECTOR == 0) air_erase(target.chip, target.off + written, SECTOR);
        if (air_program(target.chip, target.off + written, p, n) != AIR_OK) {
            failed = 1;
            return -1;
        }
        p += n;
        len -= n;
        written += n;
    }
    return 0;
}

/* whole reports whether the download is a whole image. */
static int whole(void) { return !failed && image_ok(&target) && written >= image_size(&target); }

#endif
