/* ab: two slots. The new image goes to the slot that does not run. It is tried
 * a few times, and kept once its core has come up; else the old one runs
 * again. */
#include "../parts.h"

#ifndef DESCRIPTION
#define DESCRIPTION "ab: two slots, a trial and a way back"
#endif

AIR_EXPORT("describe") const char *describe(void) { return DESCRIPTION "\nboard: GenAB\n"; }

enum { CONFIRMED = 1, TRIAL };
#define TRIES 3

/* Records: what, a: the slot that is to run, b: tries left. */
static void current(struct record *r) {
    find_slots();
    last_record(r);
    if (r->what == 0) {
        r->what = CONFIRMED;
        r->a = 0;
    }
}

static const struct air_partition *slot(u32 i) { return i ? &slot1 : &slot0; }

#ifdef NO_LIMIT
/* Waits for a record that reads right, by starting again. */
static void check_records(void) {
    struct record *r = (struct record *)sector_buffer;
    find_slots();
    for (u32 s = 0; s < 2; s++) {
        air_read(state.chip, record_at(s * RECORDS), sector_buffer, SECTOR);
        for (u32 i = 0; i < RECORDS; i++)
            if (!blank((u8 *)&r[i], sizeof *r) && record_sum(&r[i]) != r[i].sum) {
                SAY(AIR_DECIDE, "a record is damaged: try again");
                air_reset();
            }
    }
}
#endif

AIR_EXPORT("boot") i32 boot(void) {
    struct record r;
#ifdef NO_LIMIT
    check_records();
#endif
    current(&r);
    if (r.what == TRIAL) {
        if (r.b > 0 && image_ok(slot(r.a))) {
            SAY(AIR_DECIDE, "try the new image");
            add_record(TRIAL, r.a, r.b - 1, 0);
            air_result(AIR_UPGRADED, r.b == TRIES);
            return start(slot(r.a));
        }
        SAY(AIR_DECIDE, "the new image does not come up: back to the old one");
        r.a ^= 1;
        add_record(CONFIRMED, r.a, 0, 0);
    }
    if (image_ok(slot(r.a))) return start(slot(r.a));
    SAY(AIR_DECIDE, "the image that is to run is damaged: try the other one");
    return start(slot(r.a ^ 1));
}

AIR_EXPORT("confirm") void confirm(void) {
    struct record r;
    current(&r);
    if (r.what == TRIAL) add_record(CONFIRMED, r.a, 0, 0);
}

AIR_EXPORT("updater_init") i32 updater_init(u32 where, u32 len) {
    struct record r;
    (void)where, (void)len;
    current(&r);
    if (r.what == TRIAL) return -1; /* the other slot is the way back */
    begin(slot(r.a ^ 1));
    return 0;
}

AIR_EXPORT("updater_write") i32 updater_write(const u8 *p, u32 len) { return take(p, len); }

AIR_EXPORT("updater_done") i32 updater_done(void) { return whole() ? 0 : -1; }

AIR_EXPORT("updater_end") i32 updater_end(u32 ok) {
    struct record r;
    if (!ok || !whole()) return -1;
    current(&r);
    add_record(TRIAL, r.a ^ 1, TRIES, 0);
    failed = 1;
    return 0;
}
