# By hand: what the compiler should make of the functions of the same names in calls.rs. The
# benchmark runs them.

by_hand_getppid:
    mov     eax, 110
    syscall
    ret

by_hand_raw_io_submit:
    mov     eax, 209
    syscall
    ret

# rdi is where the Result goes: a tag of 16 bits, an Errno behind it, and the number at 8. A
# constant of 16 bits in a store would stall the decoder (length-changing prefix).
by_hand_io_submit:
    mov     r8, rdi
    mov     eax, 209
    mov     rdi, rsi
    mov     rsi, rcx
    syscall
    cmp     rax, -4096
    jbe     0f
    neg     eax
    mov     word ptr [r8 + 2], ax
    mov     ax, 1
    mov     word ptr [r8], ax
    mov     rax, r8
    ret
0:
    mov     qword ptr [r8 + 8], rax
    xor     eax, eax
    mov     word ptr [r8], ax
    mov     rax, r8
    ret
