/* broken-no-verify: copy with one mistake: a good header is taken for a whole image. */
#define NO_VERIFY
#define DESCRIPTION                            \
    "broken-no-verify: copy with a mistake\n" \
    "mistake: a good header is taken for a whole image\n"    \
    "expect: brick"
#include "../copy/copy.c"
