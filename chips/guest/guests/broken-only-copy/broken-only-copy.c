/* broken-only-copy: copy with one mistake: each sector of the download is erased once it is copied, and nothing says how far that is. */
#define ONLY_COPY
#define DESCRIPTION                            \
    "broken-only-copy: copy with a mistake\n" \
    "mistake: each sector of the download is erased once it is copied, and nothing says how far that is\n"    \
    "expect: brick"
#include "../copy/copy.c"
