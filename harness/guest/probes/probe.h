/* What every probe program shares.
 *
 * The programs link no C runtime: they run on any Windows and under Wine with
 * nothing but the system's own libraries, and hold no code but what is here.
 * Each file therefore brings its own entry point, powerdown_probe().
 */

#ifndef POWERDOWN_PROBE_H
#define POWERDOWN_PROBE_H

#ifndef UNICODE
#define UNICODE
#endif
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <shellapi.h>

/* Declares, as JSON written in place, what the program does.
 *
 * A guest that models Windows without executing x86 code reads it from the PE
 * section; Windows ignores it.  Keep it beside the code it describes: the tests
 * run the program and compare.
 * In "write" and "text", %1 to %9 are the command line's arguments, %i is the
 * number of the pass through the innermost "repeat", from 1.
 */
#define BEHAVIOUR(...) \
    static const char behaviour[] \
        __attribute__((section(".pdprog"), used)) = #__VA_ARGS__

#define LONGEST_PATH 1024 /* wsprintfW writes no more, its terminator included. */

/* Creates the directories above a path; those that exist are left alone. */
static void create_parents(const wchar_t *path)
{
    static wchar_t parent[LONGEST_PATH];
    int length = lstrlenW(path);

    if (length >= LONGEST_PATH)
        return; /* The write itself then fails and says why. */
    for (int i = 0; i < length; i++) {
        if (path[i] == L'\\' && i > 0) {
            parent[i] = 0;
            CreateDirectoryW(parent, NULL);
        }
        parent[i] = path[i];
    }
}

/* Replaces a file with text in UTF-8 and returns once it is on the disk.
 * Returns ERROR_SUCCESS or what Windows said.
 */
static DWORD write_text(const wchar_t *path, const wchar_t *text)
{
    DWORD error = ERROR_SUCCESS, written = 0;
    int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *bytes = HeapAlloc(GetProcessHeap(), 0, size > 0 ? size : 1);
    HANDLE file;

    if (size <= 0 || bytes == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    WideCharToMultiByte(CP_UTF8, 0, text, -1, bytes, size, NULL, NULL);

    create_parents(path);
    file = CreateFileW(path, GENERIC_WRITE, FILE_SHARE_READ, NULL, CREATE_ALWAYS,
                       FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        error = GetLastError();
    } else {
        if (!WriteFile(file, bytes, size - 1, &written, NULL) || !FlushFileBuffers(file))
            error = GetLastError();
        CloseHandle(file);
    }
    HeapFree(GetProcessHeap(), 0, bytes);
    return error;
}

/* The arguments of the command line, the program's own name not counted.
 * Ends the program with ERROR_INVALID_PARAMETER when their number is another.
 */
static wchar_t **arguments(int expected)
{
    int count = 0;
    wchar_t **all = CommandLineToArgvW(GetCommandLineW(), &count);

    if (all == NULL || count != expected + 1)
        ExitProcess(ERROR_INVALID_PARAMETER);
    return all + 1;
}

#endif
