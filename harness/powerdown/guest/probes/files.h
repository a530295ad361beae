/* Files that are on the disk when the function returns. */

#ifndef POWERDOWN_FILES_H
#define POWERDOWN_FILES_H

#include "probe.h"

#define LONGEST_PATH 1024 /* wsprintfW writes no more, its terminator included. */

/* Creates the directories above a path; those that exist are left alone. */
static inline void create_parents(const wchar_t *path)
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
static inline DWORD write_text(const wchar_t *path, const wchar_t *text)
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

#endif
