/* airlift.h: what a guest sees of a board, version 1. See docs/GUESTS.md.
 *
 * Build with:
 *   clang --target=wasm32 -Os -nostdlib -ffreestanding -Wl,--no-entry \
 *     -Wl,--stack-first -Wl,-z,stack-size=4096 -Wl,--strip-all -o my.wasm my.c
 */
#ifndef AIRLIFT_H
#define AIRLIFT_H

typedef unsigned char u8;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;

#define AIR_IMPORT(name) __attribute__((import_module("airlift_v1"), import_name(name)))
#define AIR_EXPORT(name) __attribute__((export_name(name), used))

/* What functions return that can fail. */
#define AIR_OK 0
#define AIR_ERR_RANGE -1  /* outside the chip, or off its sectors */
#define AIR_ERR_CHIP -2   /* the chip reports that it did not work */
#define AIR_ERR_ABSENT -3 /* there is no such thing */

/* Chip numbers that are no flash chip. */
#define AIR_RAM 0xFFFFFFFFu /* own memory, for crc32 and sha256 */
#define AIR_OTP 0xFFFFFFFEu /* one-time programmable bytes, for read */

/* Questions for air_geometry. */
enum { AIR_CHIPS, AIR_SIZE, AIR_SECTOR, AIR_PAGE, AIR_RETAINED_WORDS, AIR_RAM_BYTES, AIR_OTP_BYTES };

/* Kinds of messages. */
enum { AIR_PRINT, AIR_READ, AIR_DECIDE, AIR_DO, AIR_FINDING };

/* Why the chip started. */
enum { AIR_RESET_POWER, AIR_RESET_SOFTWARE, AIR_RESET_WATCHDOG, AIR_RESET_EXCEPTION, AIR_RESET_WAKEUP };

/* Keys of air_result. */
enum { AIR_UPGRADED, AIR_STATUS, AIR_PARAM0 };

/* What boot returns besides the address of an image. */
#define AIR_BOOT_FAILED -1   /* nothing to start */
#define AIR_BOOT_DOWNLOAD -2 /* waits for a serial download */
#define AIR_BOOT_HANG -3     /* stops on purpose */

struct air_partition {
    u32 chip, off, size;
};

AIR_IMPORT("geometry") i32 air_geometry(u32 chip, u32 question);
AIR_IMPORT("partition") i32 air_partition(const char *name, u32 len, struct air_partition *out);
AIR_IMPORT("read") i32 air_read(u32 chip, u32 off, void *to, u32 len);
AIR_IMPORT("program") i32 air_program(u32 chip, u32 off, const void *from, u32 len); /* clears bits */
AIR_IMPORT("erase") i32 air_erase(u32 chip, u32 off, u32 len);                       /* whole sectors */
AIR_IMPORT("crc32") i32 air_crc32(u32 chip, u32 off, u32 len, u32 *sum);             /* goes on with *sum */
AIR_IMPORT("sha256") i32 air_sha256(u32 chip, u32 off, u32 len, u8 sum[32]);
AIR_IMPORT("retained_get") u32 air_retained_get(u32 word);
AIR_IMPORT("retained_set") void air_retained_set(u32 word, u32 value);
AIR_IMPORT("reset_cause") u32 air_reset_cause(void);
AIR_IMPORT("reset") _Noreturn void air_reset(void);
AIR_IMPORT("time_us") u64 air_time_us(void); /* since the reset */
AIR_IMPORT("sleep_us") void air_sleep_us(u32 us);
AIR_IMPORT("watchdog_feed") void air_watchdog_feed(void);
AIR_IMPORT("random") u32 air_random(void);
AIR_IMPORT("console_read") i32 air_console_read(void *to, u32 len);
AIR_IMPORT("say") void air_say(u32 kind, const char *text, u32 len);
AIR_IMPORT("result") void air_result(u32 key, u32 value);

/* The image of a generic board begins with this; the core is behind it. */
struct air_image {
    u32 magic;  /* AIR_IMAGE_MAGIC */
    u32 header; /* bytes of the header, 256 */
    u32 body;   /* bytes behind the header */
    u32 body_crc;
    u32 version;
    u32 core;              /* bytes */
    u32 script, script_len; /* where, from the header; bytes */
    u8 sha256[32];         /* of the body */
    u8 reserved[188];
    u32 header_crc; /* of all before it */
};
#define AIR_IMAGE_MAGIC 0x31524941u /* "AIR1" */

/* The delta of a generic board begins with this; see delta.go for the rest. */
struct air_delta {
    u32 magic; /* AIR_DELTA_MAGIC */
    u32 header; /* bytes of the header, 64 */
    u32 payload, payload_crc;
    u32 from, from_len, from_crc; /* bytes that must be in the slot */
    u32 size, crc;                /* of the new image */
    u32 sector;
    u8 reserved[20];
    u32 header_crc; /* of all before it */
};
#define AIR_DELTA_MAGIC 0x44524941u /* "AIRD" */
#define AIR_DELTA_COPY 1            /* instruction: bits 16..31 */

#endif
