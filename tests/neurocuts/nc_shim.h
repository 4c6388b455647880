/* What a kernel would give an XDP program, in one process: for the tests of exported programs. */
#include <stdint.h>
#include <string.h>
typedef uint8_t __u8;
typedef uint32_t __u32;
typedef int32_t __s32;
typedef uint64_t __u64;
struct xdp_md {
    unsigned long data, data_end;
};
enum { XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT };
#define SEC(name)
static __u32 verdicts[1 << 16];
static __u64 hits[1 << 16];
static inline void *look_up(void *map, const __u32 *key) {
    if (map == (void *)verdicts) return &verdicts[*key];
    return map == (void *)hits ? (void *)&hits[*key] : map;
}
#define bpf_map_lookup_elem(map, key) look_up((void *)*(map), key)
#define NC_KEEP(x) ((void)0)
#define NC_PLAIN_LOOP
