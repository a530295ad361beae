/* Privileges, which a process holds but has to enable.
 *
 * (learn: Enabling and Disabling Privileges in C++; AdjustTokenPrivileges function)
 */

#ifndef POWERDOWN_PRIVILEGE_H
#define POWERDOWN_PRIVILEGE_H

#include "probe.h"

/* Enables a privilege of this process, if it holds it; what needs it fails otherwise. */
static inline void enable_privilege(const wchar_t *name)
{
    TOKEN_PRIVILEGES wanted = {1, {{{0, 0}, SE_PRIVILEGE_ENABLED}}};
    HANDLE token;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &token))
        return;
    if (LookupPrivilegeValueW(NULL, name, &wanted.Privileges[0].Luid))
        AdjustTokenPrivileges(token, FALSE, &wanted, 0, NULL, NULL);
    CloseHandle(token);
}

#endif
