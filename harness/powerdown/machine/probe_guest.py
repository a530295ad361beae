"""The test guest for accelerators: it uses the CPU features that the boot of Windows uses.

A boot disk of three sectors. The BIOS starts it like any boot loader; it switches to protected
mode, back to real mode and to long mode with paging, handles a page fault and interrupts of two
timers, and derives its exit value from what it computed. A failed check gives another exit value,
and an unexpected exception resets it.

The code is a listing: address, bytes, instruction and a comment behind ``;``. GNU as made the
bytes from the instructions; to check a part, disassemble it for its mode (``objdump -D -b binary
-m i8086``, ``i386`` or ``i386:x86-64``, with ``-M intel``). Names at the beginning of a line stand
for the address that follows. Sources: Intel SDM volume 3, chapters 4, 6, 9 and 10 (paging,
interrupts, mode switches, local APIC).
"""

from __future__ import annotations

import re

STAGE_PORT = 0xE9
"""Port to which it writes the number of each stage it enters (QEMU's ``-debugcon``)."""

EXIT_PORT = 0xF4
"""Port to which it writes its exit value (QEMU's ``isa-debug-exit``)."""

RIGHT_VALUE = 0x5A
"""Its exit value when all stages computed the expected result."""

WRONG_VALUE = 0x01
"""Its exit value when a check failed."""

STAGES = (
    "boot sector",
    "protected mode",
    "return to real mode",
    "switch to long mode",
    "64-bit code with paging",
    "page fault",
    "timer interrupts through the PIC",
    "timer interrupt of the local APIC",
    "end",
)
"""Its stages in order, numbered from 1."""

_ORIGIN = 0x7C00
"""Where the BIOS loads a boot sector."""

_DISK_BYTES = 1 << 20
"""Size of the disk; the code fills its first three sectors."""

_LISTING = """\
; Stage 1, 16-bit: the BIOS has loaded this sector to 0x7c00 and reads the other two from the disk.
7c00  fa                      cli
7c01  31c0                    xor ax, ax
7c03  8ed8                    mov ds, ax
7c05  8ec0                    mov es, ax
7c07  8ed0                    mov ss, ax
7c09  bc007c                  mov sp, 0x7c00              ; the stack, in every mode
7c0c  b001                    mov al, 1
7c0e  e6e9                    out 0xe9, al                ; tell the stage
7c10  b80202                  mov ax, 0x0202              ; int 0x13, function 2: read 2 sectors
7c13  bb007e                  mov bx, 0x7e00              ; to here
7c16  b90200                  mov cx, 2                   ; cylinder 0, sector 2
7c19  b600                    mov dh, 0                   ; head 0; dl: the boot disk
7c1b  cd13                    int 0x13
7c1d  7208                    jc fail                     ; the BIOS reports an error
7c1f  6631ed                  xor ebp, ebp                ; ebp collects what was computed
7c22  ea007e0000              jmp 0:stage2
fail:
; Every check that fails comes here; the bytes mean the same in 16, 32 and 64 bits.
7c27  b001                    mov al, 1
7c29  e6f4                    out 0xf4, al                ; isa-debug-exit: QEMU ends
7c2b  f4                      hlt
7c2c  ebf9                    jmp fail
gdt:
7c30  0000000000000000        quad 0                      ; 0x00: none
7c38  ffff0000009bcf00        quad 0x00cf9b000000ffff     ; 0x08: 32-bit code
7c40  ffff00000093cf00        quad 0x00cf93000000ffff     ; 0x10: data
7c48  ffff0000009baf00        quad 0x00af9b000000ffff     ; 0x18: 64-bit code
7c50  ffff0000009b0000        quad 0x00009b000000ffff     ; 0x20: 16-bit code
7c58  ffff000000930000        quad 0x000093000000ffff     ; 0x28: 16-bit data
gdtr:
7c60  2f00                    word 47                     ; limit
7c62  307c0000                long gdt
idtr:
7c66  ff0f                    word 4095                   ; limit: 256 gates
7c68  0050010000000000        quad 0x15000
7dfe  55aa                    word 0xaa55                 ; a boot sector ends with it
stage2:
; Stage 2, protected mode: 32-bit code reaches memory that 16-bit code cannot.
7e00  b002                    mov al, 2
7e02  e6e9                    out 0xe9, al
7e04  fa                      cli                         ; the BIOS may have allowed interrupts
7e05  0f0116607c              lgdt [gdtr]
7e0a  0f20c0                  mov eax, cr0
7e0d  0c01                    or al, 1                    ; CR0.PE
7e0f  0f22c0                  mov cr0, eax
7e12  ea177e0800              jmp 0x08:protected
protected:
7e17  b810000000              mov eax, 0x10
7e1c  8ed8                    mov ds, eax
7e1e  8ec0                    mov es, eax
7e20  8ed0                    mov ss, eax
7e22  bf00001800              mov edi, 0x180000
7e27  b801000d60              mov eax, 0x600d0001
7e2c  8907                    mov [edi], eax
7e2e  032f                    add ebp, [edi]              ; what was stored at 1.5 MiB
7e30  ea377e00002000          jmp 0x20:stage3
stage3:
; Stage 3, back to real mode, as a boot loader does for each call of the BIOS.
7e37  b003                    mov al, 3
7e39  e6e9                    out 0xe9, al
7e3b  b82800                  mov ax, 0x28                ; segments of 64 KiB again
7e3e  8ed8                    mov ds, ax
7e40  8ec0                    mov es, ax
7e42  8ed0                    mov ss, ax
7e44  0f20c0                  mov eax, cr0
7e47  24fe                    and al, 0xfe                ; not CR0.PE
7e49  0f22c0                  mov cr0, eax
7e4c  ea517e0000              jmp 0:real
real:
7e51  31c0                    xor ax, ax
7e53  8ed8                    mov ds, ax
7e55  8ec0                    mov es, ax
7e57  8ed0                    mov ss, ax
7e59  cd12                    int 0x12                    ; the BIOS: KiB of low memory
7e5b  3b061304                cmp ax, [0x413]             ; where it keeps that
7e5f  750e                    jne fail16
7e61  3d0002                  cmp ax, 0x200
7e64  7209                    jb fail16                   ; the BIOS answers 639
7e66  6681c500000200          add ebp, 0x20000
7e6d  eb03                    jmp to_32_bits
fail16:
7e6f  e9b5fd                  jmp fail
to_32_bits:
7e72  fa                      cli
7e73  0f20c0                  mov eax, cr0
7e76  0c01                    or al, 1                    ; CR0.PE
7e78  0f22c0                  mov cr0, eax
7e7b  ea807e0800              jmp 0x08:stage4
stage4:
; Stage 4, page tables, interrupt gates and the switch to long mode.
7e80  b004                    mov al, 4
7e82  e6e9                    out 0xe9, al
7e84  b810000000              mov eax, 0x10
7e89  8ed8                    mov ds, eax
7e8b  8ec0                    mov es, eax
7e8d  8ed0                    mov ss, eax
7e8f  b801000080              mov eax, 0x80000001
7e94  0fa2                    cpuid
7e96  0fbae21d                bt edx, 29                  ; has it long mode?
7e9a  0f83c7000000            jnc fail32
7ea0  fc                      cld
7ea1  bf00000100              mov edi, 0x10000
7ea6  b900180000              mov ecx, 0x1800
7eab  31c0                    xor eax, eax
7ead  f3ab                    rep stosd                   ; clear five page tables and the IDT
7eaf  c7050000010003100100    mov dword [0x10000], 0x11003  ; PML4: 0 to 512 GiB
7eb9  c7050010010003200100    mov dword [0x11000], 0x12003  ; page directory of GiB 0
7ec3  c7050810010003300100    mov dword [0x11008], 0x13003  ; of GiB 1
7ecd  c7051810010003400100    mov dword [0x11018], 0x14003  ; of GiB 3
7ed7  c7050020010083000000    mov dword [0x12000], 0x83   ; 0 to 2 MiB at its own address
7ee1  c7050820010083002000    mov dword [0x12008], 0x200083  ; 2 to 4 MiB likewise
7eeb  c7050030010083000000    mov dword [0x13000], 0x83   ; 0x40000000: the same again
7ef5  c705b84f01009300e0fe    mov dword [0x14fb8], 0xfee00093  ; local APIC, uncached
7eff  b8008e0000              mov eax, 0x8e00             ; present, interrupt gate
7f04  c705e050010099801800    mov dword [0x150e0], page_fault + 0x180000  ; vector 14
7f0e  a3e4500100              mov [0x150e4], eax
7f13  c70500520100bf801800    mov dword [0x15200], pic_timer + 0x180000  ; vector 0x20
7f1d  a304520100              mov [0x15204], eax
7f22  c70500530100ca801800    mov dword [0x15300], apic_timer + 0x180000  ; vector 0x30
7f2c  a304530100              mov [0x15304], eax
7f31  0f20e0                  mov eax, cr4
7f34  0c20                    or al, 0x20                 ; CR4.PAE
7f36  0f22e0                  mov cr4, eax
7f39  b800000100              mov eax, 0x10000
7f3e  0f22d8                  mov cr3, eax
7f41  b9800000c0              mov ecx, 0xc0000080         ; EFER
7f46  0f32                    rdmsr
7f48  80cc01                  or ah, 1                    ; EFER.LME
7f4b  0f30                    wrmsr
7f4d  0f20c0                  mov eax, cr0
7f50  0d00000080              or eax, 0x80000000          ; CR0.PG
7f55  0f22c0                  mov cr0, eax
7f58  0f32                    rdmsr
7f5a  0fbae00a                bt eax, 10                  ; EFER.LMA: is long mode active?
7f5e  7307                    jnc fail32
7f60  ea6c7f00001800          jmp 0x18:stage5
fail32:
7f67  e9bbfcffff              jmp fail
stage5:
; Stage 5, 64-bit code: arithmetic, and one page of memory seen at two addresses.
7f6c  b005                    mov al, 5
7f6e  e6e9                    out 0xe9, al
7f70  bc007c0000              mov esp, 0x7c00
7f75  0f011c25667c0000        lidt [idtr]
7f7d  89e8                    mov eax, ebp
7f7f  48b9157c4a7fb979379e    movabs rcx, 0x9e3779b97f4a7c15
7f89  48f7e1                  mul rcx                     ; rdx:rax, 128 bits
7f8c  4c8d3c10                lea r15, [rax+rdx]          ; r15 collects from here on
7f90  b8fecaad0b              mov eax, 0x0badcafe
7f95  89042500600040          mov [0x40006000], eax
7f9c  39042500600000          cmp [0x6000], eax
7fa3  0f85eb000000            jne fail64
7fa9  4c033c2500600000        add r15, [0x6000]
stage6:
; Stage 6, a page fault: its handler maps the page and the write is tried again.
7fb1  b006                    mov al, 6
7fb3  e6e9                    out 0xe9, al
7fb5  4531f6                  xor r14d, r14d
7fb8  b80600fe5a              mov eax, 0x5afe0006
7fbd  89042500002040          mov [0x40200000], eax       ; not mapped yet
7fc4  39042500002000          cmp [0x200000], eax
7fcb  0f85c3000000            jne fail64
7fd1  4881fc007c0000          cmp rsp, 0x7c00
7fd8  0f85b6000000            jne fail64
7fde  4d01f7                  add r15, r14                ; page faults handled: 1
stage7:
; Stage 7, interrupts of the timer (PIT) through the interrupt controller (PIC), until the third.
7fe1  b007                    mov al, 7
7fe3  e6e9                    out 0xe9, al
7fe5  b011                    mov al, 0x11
7fe7  e620                    out 0x20, al                ; initialise the PIC
7fe9  b020                    mov al, 0x20
7feb  e621                    out 0x21, al                ; its vectors begin at 0x20
7fed  b004                    mov al, 4
7fef  e621                    out 0x21, al                ; the second PIC is on line 2
7ff1  b001                    mov al, 1
7ff3  e621                    out 0x21, al                ; 8086 mode
7ff5  b0fe                    mov al, 0xfe
7ff7  e621                    out 0x21, al                ; line 0, the timer, and no other
7ff9  b0ff                    mov al, 0xff
7ffb  e6a1                    out 0xa1, al                ; nothing of the second PIC
7ffd  b034                    mov al, 0x34
7fff  e643                    out 0x43, al                ; PIT counter 0, periodic
8001  b09c                    mov al, 0x9c
8003  e640                    out 0x40, al
8005  b02e                    mov al, 0x2e
8007  e640                    out 0x40, al                ; 11932 at 1.193182 MHz: 10 ms
8009  4531ed                  xor r13d, r13d
pic_wait:
800c  fb                      sti
800d  f4                      hlt                         ; sti acts behind it: none is missed
800e  fa                      cli
800f  4183fd03                cmp r13d, 3
8013  72f7                    jb pic_wait
8015  b0ff                    mov al, 0xff
8017  e621                    out 0x21, al                ; no more of them
8019  4881fc007c0000          cmp rsp, 0x7c00
8020  7572                    jne fail64
8022  4901e7                  add r15, rsp
stage8:
; Stage 8, an interrupt of the local APIC's timer; its registers are emulated memory.
8025  b008                    mov al, 8
8027  e6e9                    out 0xe9, al
8029  bb0000e0fe              mov ebx, 0xfee00000
802e  8b4330                  mov eax, [rbx+0x30]         ; version: 0x10 to 0x15
8031  24f0                    and al, 0xf0
8033  3c10                    cmp al, 0x10
8035  755d                    jne fail64
8037  4531e4                  xor r12d, r12d
803a  c783f0000000ff010000    mov dword [rbx+0xf0], 0x1ff  ; on; spurious vector 0xff
8044  c783e00300000b000000    mov dword [rbx+0x3e0], 0x0b  ; count every tick of its clock
804e  c7832003000030000000    mov dword [rbx+0x320], 0x30  ; once, with vector 0x30
8058  c7838003000000001000    mov dword [rbx+0x380], 0x100000  ; about a million ticks
apic_wait:
8062  fb                      sti
8063  f4                      hlt
8064  fa                      cli
8065  4183fc01                cmp r12d, 1
8069  72f7                    jb apic_wait
806b  4881fc007c0000          cmp rsp, 0x7c00
8072  7520                    jne fail64
8074  4d01e7                  add r15, r12                ; interrupts handled: 1
stage9:
; Stage 9, the end: the exit value is made from all that was collected.
8077  b009                    mov al, 9
8079  e6e9                    out 0xe9, al
807b  4c89f8                  mov rax, r15
807e  48c1e820                shr rax, 32
8082  4431f8                  xor eax, r15d
8085  89c1                    mov ecx, eax
8087  c1e910                  shr ecx, 16
808a  31c8                    xor eax, ecx
808c  30e0                    xor al, ah
808e  247f                    and al, 0x7f
8090  3453                    xor al, 0x53                ; makes the right one 0x5a
8092  e6f4                    out 0xf4, al
fail64:
8094  e98efbffff              jmp fail
page_fault:
; Handler of vector 14: the page must be the one expected, not present, being written.
8099  0f20d0                  mov rax, cr2
809c  483d00002040            cmp rax, 0x40200000
80a2  75f0                    jne fail64
80a4  58                      pop rax                     ; error code
80a5  83f802                  cmp eax, 2                  ; not present, a write
80a8  75ea                    jne fail64
80aa  c704250830010083002000  mov dword [0x13008], 0x200083  ; map it to 2 to 4 MiB
80b5  b80600fe5a              mov eax, 0x5afe0006         ; as it was
80ba  41ffc6                  inc r14d
80bd  48cf                    iretq
pic_timer:
; Handler of vector 0x20.
80bf  50                      push rax
80c0  41ffc5                  inc r13d
80c3  b020                    mov al, 0x20
80c5  e620                    out 0x20, al                ; end of interrupt
80c7  58                      pop rax
80c8  48cf                    iretq
apic_timer:
; Handler of vector 0x30.
80ca  41ffc4                  inc r12d
80cd  c783b000000000000000    mov dword [rbx+0xb0], 0     ; end of interrupt
80d7  48cf                    iretq
"""

_LINE = re.compile(r"^([0-9a-f]{4})  ([0-9a-f]+) ", re.MULTILINE)


def boot_disk() -> bytes:
    """The raw disk that it boots from."""
    code = bytearray()
    for address, data in _LINE.findall(_LISTING):
        # What lies between two addresses is never used.
        code += bytes(int(address, 16) - _ORIGIN - len(code)) + bytes.fromhex(data)
    return bytes(code).ljust(_DISK_BYTES, b"\0")
