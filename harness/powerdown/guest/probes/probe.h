/* What every probe program shares.
 *
 * The programs link no C runtime: they run on any Windows since 7 and Server
 * 2008 R2, and under Wine, with nothing but the system's own libraries, and hold
 * no code but what is here.  Each file therefore brings its own entry point,
 * powerdown_probe().
 *
 * The functions of these headers are inline so that a program carries, and
 * imports, only what it uses.
 */

#ifndef POWERDOWN_PROBE_H
#define POWERDOWN_PROBE_H

#ifndef UNICODE
#define UNICODE
#endif
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0601
#endif
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <shellapi.h>

/* Declares, as JSON written in place, what the program does.
 *
 * A guest that models Windows without executing x86 code reads it from the PE
 * section; Windows ignores it.  Keep it beside the code it describes: the tests
 * run the program and compare.
 * In strings, %1 to %9 are the command line's arguments, %i is the number of the
 * pass through the innermost "repeat", from 1.
 */
#define BEHAVIOUR(...) \
    static const char behaviour[] \
        __attribute__((section(".pdprog"), used)) = #__VA_ARGS__

/* The arguments of the command line, the program's own name not counted.
 * Ends the program with ERROR_INVALID_PARAMETER when their number is another.
 */
static inline wchar_t **arguments(int expected)
{
    int count = 0;
    wchar_t **all = CommandLineToArgvW(GetCommandLineW(), &count);

    if (all == NULL || count != expected + 1)
        ExitProcess(ERROR_INVALID_PARAMETER);
    return all + 1;
}

/* A decimal number; ends the program with ERROR_INVALID_PARAMETER at any other text. */
static inline DWORD number(const wchar_t *text)
{
    ULONGLONG value = 0;

    if (*text == 0)
        ExitProcess(ERROR_INVALID_PARAMETER);
    for (; *text != 0; text++) {
        if (*text < L'0' || *text > L'9')
            ExitProcess(ERROR_INVALID_PARAMETER);
        value = value * 10 + (ULONGLONG)(*text - L'0');
        if (value > MAXDWORD)
            ExitProcess(ERROR_INVALID_PARAMETER);
    }
    return (DWORD)value;
}

#endif
