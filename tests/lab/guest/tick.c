/* A guest so small that an emulated processor inside an emulated machine boots it at once: no Linux, one loop. It writes
 * to the serial console what guest_init writes, and takes no commands:
 *
 *     RUN boot | RUN tick N        RUN: random, of this boot; N counts up from 1, every 100 ms
 *
 * A 32-bit ELF that QEMU starts by its PVH note, in protected mode with flat segments. */

typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;

enum { kSerial = 0x3f8, kTimer = 0x40, kMasterPic = 0x20, kSlavePic = 0xa0, kTimerVector = 0x20 };
enum { kTicksIn50ms = 59659 }; /* of the timer, 1193182 Hz */

__asm__(
    ".section .note.Xen, \"a\", @note\n"
    ".long 4, 4, 18\n" /* XEN_ELFNOTE_PHYS32_ENTRY */
    ".asciz \"Xen\"\n"
    ".long start\n"
    ".text\n"
    ".global start\n"
    "start: mov $stack_end, %esp\n"
    "lgdt gdt_pointer\n"
    "ljmp $8, $1f\n"
    "1: mov $16, %ax\n"
    "mov %ax, %ds\n mov %ax, %es\n mov %ax, %ss\n"
    "call run\n"
    "on_timer: push %eax\n"
    "mov $0x20, %al\n out %al, $0x20\n"
    "pop %eax\n"
    "iret\n"
    ".data\n"
    ".balign 8\n"
    "gdt: .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff\n"
    "gdt_pointer: .word 23\n .long gdt\n"
    ".bss\n"
    ".balign 16\n"
    ".skip 4096\n"
    "stack_end:\n"
    ".text\n");

void on_timer(void);

static struct {
    u16 low, selector, flags, high;
} interrupts[kTimerVector + 1];

static void out(u16 port, u8 value) {
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static u8 in(u16 port) {
    u8 value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void print(const char* text) {
    for (; *text != 0; ++text) {
        while ((in(kSerial + 5) & 0x20) == 0) {
        }
        out(kSerial, (u8)*text);
    }
}

static char run_id[9];

static void name_this_run(void) {
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    u32 seed = low ^ high;
    for (u8 at = 0; at < 10; at = (u8)(at + 2)) { /* the real-time clock: seconds, minutes, hours... */
        out(0x70, at);
        seed = seed * 31 + in(0x71);
    }
    for (int at = 0; at < 8; ++at) {
        seed ^= seed << 13U;
        seed ^= seed >> 17U;
        seed ^= seed << 5U;
        run_id[at] = "0123456789abcdef"[seed >> 28U];
    }
}

static void print_tick(u32 count) {
    char digits[11];
    char* first = digits + 10;
    *first = 0;
    do {
        *--first = (char)('0' + count % 10);
        count /= 10;
    } while (count != 0);
    print(run_id);
    print(" tick ");
    print(first);
    print("\r\n");
}

static void set_up_timer(void) {
    interrupts[kTimerVector].low = (u16)(u32)on_timer;
    interrupts[kTimerVector].high = (u16)((u32)on_timer >> 16U);
    interrupts[kTimerVector].selector = 8;
    interrupts[kTimerVector].flags = 0x8e00;
    const struct __attribute__((packed)) {
        u16 limit;
        u32 base;
    } table = {sizeof interrupts - 1, (u32)interrupts};
    __asm__ volatile("lidt %0" : : "m"(table));
    out(kMasterPic, 0x11); /* the interrupt controllers: from kTimerVector on, all but the timer masked */
    out(kSlavePic, 0x11);
    out(kMasterPic + 1, kTimerVector);
    out(kSlavePic + 1, kTimerVector + 8);
    out(kMasterPic + 1, 4);
    out(kSlavePic + 1, 2);
    out(kMasterPic + 1, 1);
    out(kSlavePic + 1, 1);
    out(kMasterPic + 1, 0xfe);
    out(kSlavePic + 1, 0xff);
    out(kTimer + 3, 0x34);
    out(kTimer, kTicksIn50ms & 0xff);
    out(kTimer, kTicksIn50ms >> 8);
}

void run(void) {
    name_this_run();
    print("\r\n"); /* the firmware may have left a line unfinished */
    print(run_id);
    print(" boot\r\n");
    set_up_timer();
    for (u32 count = 1;; ++count) {
        __asm__ volatile("sti\n hlt\n hlt\n cli");
        print_tick(count);
    }
}
