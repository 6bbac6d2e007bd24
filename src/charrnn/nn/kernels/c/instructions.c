/* What the library tells its loader. Compiled without a set of instructions, so that every processor can run it.

   HAVE_V3, HAVE_V4 and HAVE_NEON say which sets the kernels beside it are compiled for. */

const int charrnn_kernels_version = 5; /* of the functions' arguments, as VERSION in library.py */

#if defined(HAVE_V3) || defined(HAVE_V4)
#include <cpuid.h>

#define AVX_512 (bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL)

/* Which of `wanted` (bits of leaf 7) and FMA are there: 1 if all are, and the operating system keeps the registers `kept`
   (bits of XCR0). By hand, because __builtin_cpu_supports finds nothing where zig compiles. */
static int supports(unsigned wanted, unsigned kept)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_FMA) || !(c & bit_OSXSAVE)) return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & wanted) != wanted) return 0;
    __asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (a & kept) == kept;
}
#endif

/* The best set of instructions that the library has and this machine runs; "" if there is none. */
const char *charrnn_instructions(void)
{
#ifdef HAVE_V4
    if (supports(bit_AVX2 | AVX_512, 0xe6)) return "v4"; /* vectors of 16, 32 and 64 bytes, all 32 of them, and masks */
#endif
#ifdef HAVE_V3
    if (supports(bit_AVX2, 0x06)) return "v3";
#endif
#ifdef HAVE_NEON
    return "neon"; /* every AArch64 processor has it */
#endif
    return "";
}
