/* swap: one slot that runs. Old and new image change places sector by sector,
 * through a scratch sector, so that the old one can be put back. */
#include "../parts.h"

#ifndef DESCRIPTION
#define DESCRIPTION "swap: old and new image change places through a scratch sector"
#endif

AIR_EXPORT("describe") const char *describe(void) { return DESCRIPTION "\nboard: GenSwap\n"; }

enum { CONFIRMED = 1, SWAP, TRIAL, BACK };
#define TRIES 3

static struct air_partition scratch;

/* Records: what, a: sectors that change places, b: tries left, c: sectors that
 * are done, where that is kept in the record. */
static void current(struct record *r) {
    find_slots();
    FIND("scratch", &scratch);
    last_record(r);
}

#ifdef ONE_RECORD
/* The state is one record, which is written anew each time. */
static void write_record(u32 what, u32 a, u32 b, u32 c) {
    air_erase(state.chip, state.off, 2 * SECTOR);
    add_record(what, a, b, c);
}
#else
#define write_record add_record
#endif

/* phase does one of the three copies of a sector. Each leaves what the next
 * one reads as it is, and can be done again. */
static void phase(u32 i, u32 n) {
    u32 at = i * SECTOR;
    switch (n) {
    case 0: copy_sector(scratch.chip, scratch.off, slot1.chip, slot1.off + at); break;
    case 1: copy_sector(slot1.chip, slot1.off + at, slot0.chip, slot0.off + at); break;
    default: copy_sector(slot0.chip, slot0.off + at, scratch.chip, scratch.off);
    }
}

/* swap goes on where the last power cut stopped it. */
static void swap(struct record *r) {
    SAY(AIR_DO, "swap the images");
#ifdef ONE_RECORD
    for (u32 k = r->c; k < 3 * r->a; k++) {
        phase(k / 3, k % 3);
        write_record(r->what, r->a, r->b, k + 1);
    }
#else
    for (u32 k = 0; k < 3 * r->a; k++) {
        if (marked(k)) continue;
#ifdef MARK_EARLY
        mark(k);
        phase(k / 3, k % 3);
#else
        phase(k / 3, k % 3);
        mark(k);
#endif
    }
#endif
}

static void swap_back(struct record *r) {
    swap(r);
    write_record(CONFIRMED, 0, 0, 0);
}

AIR_EXPORT("boot") i32 boot(void) {
    struct record r;
    current(&r);
    if (r.what == SWAP) {
        swap(&r);
        r.what = TRIAL;
        r.b = image_ok(&slot0) ? TRIES : 0;
        write_record(r.what, r.a, r.b, 0);
        air_result(AIR_UPGRADED, 1);
    }
    if (r.what == TRIAL && r.b == 0) {
        SAY(AIR_DECIDE, "the new image does not come up: back to the old one");
        clear_marks();
        r.what = BACK;
        r.c = 0;
        write_record(r.what, r.a, 0, 0);
    } else if (r.what == TRIAL) {
        SAY(AIR_DECIDE, "try the new image");
        write_record(TRIAL, r.a, r.b - 1, 0);
    }
    if (r.what == BACK) swap_back(&r);
    return start(&slot0);
}

AIR_EXPORT("confirm") void confirm(void) {
    struct record r;
    current(&r);
    if (r.what == TRIAL) write_record(CONFIRMED, 0, 0, 0);
}

AIR_EXPORT("updater_init") i32 updater_init(u32 where, u32 len) {
    struct record r;
    (void)where, (void)len;
    current(&r);
    if (r.what == TRIAL) return -1; /* the other slot is the way back */
    begin(&slot1);
    return 0;
}

AIR_EXPORT("updater_write") i32 updater_write(const u8 *p, u32 len) { return take(p, len); }

AIR_EXPORT("updater_done") i32 updater_done(void) { return whole() ? 0 : -1; }

AIR_EXPORT("updater_end") i32 updater_end(u32 ok) {
    if (!ok || !whole()) return -1;
    u32 n = sectors(image_size(&slot0)), m = sectors(image_size(&slot1));
    clear_marks();
    write_record(SWAP, n > m ? n : m, 0, 0);
    failed = 1;
    return 0;
}
