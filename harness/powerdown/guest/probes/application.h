/* What the applications share: one top-level window, and its part in the end of the session.
 *
 * When the session is to end, the system asks each top-level window with
 * WM_QUERYENDSESSION and tells it with WM_ENDSESSION what came of it: TRUE, the
 * session ends; FALSE, somebody refused and it goes on.
 * (learn: WM_QUERYENDSESSION message, WM_ENDSESSION message)
 */

#ifndef POWERDOWN_APPLICATION_H
#define POWERDOWN_APPLICATION_H

#include "probe.h"

/* One per program. */
typedef struct {
    const wchar_t *title;
    BOOL (*may_end)(void);      /* The answer to WM_QUERYENDSESSION. */
    void (*session_ends)(void); /* Done before the session ends; NULL: nothing is. */
} Application;

static const Application application;

/* FALSE to WM_QUERYENDSESSION: the session is not to end. */
static inline BOOL refuse(void)
{
    return FALSE;
}

static inline LRESULT CALLBACK window_procedure(HWND window, UINT message, WPARAM wide,
                                                LPARAM narrow)
{
    switch (message) {
    case WM_QUERYENDSESSION:
        return application.may_end();
    case WM_ENDSESSION:
        if (wide && application.session_ends != NULL)
            application.session_ends();
        return 0;
    case WM_DESTROY:
        PostQuitMessage(0);
        return 0;
    }
    return DefWindowProcW(window, message, wide, narrow);
}

/* The program's window, not yet shown; ends the program when Windows makes none. */
static inline HWND open_window(void)
{
    static WNDCLASSW window_class; /* static: zeroed without memset. */
    HWND window;

    window_class.lpfnWndProc = window_procedure;
    window_class.hInstance = GetModuleHandleW(NULL);
    window_class.hCursor = LoadCursorW(NULL, (const wchar_t *)IDC_ARROW);
    window_class.hbrBackground = (HBRUSH)(COLOR_WINDOW + 1);
    window_class.lpszClassName = L"PowerdownProbe";
    if (!RegisterClassW(&window_class))
        ExitProcess(GetLastError());

    window = CreateWindowExW(0, window_class.lpszClassName, application.title,
                             WS_OVERLAPPEDWINDOW, CW_USEDEFAULT, CW_USEDEFAULT, 480, 320, NULL,
                             NULL, window_class.hInstance, NULL);
    if (window == NULL)
        ExitProcess(GetLastError());
    return window;
}

/* The text fills the window: for a person looking at the screen. */
static inline void put_text(HWND window, const wchar_t *text)
{
    CreateWindowExW(0, L"STATIC", text, WS_CHILD | WS_VISIBLE, 8, 8, 448, 260, window, NULL,
                    GetModuleHandleW(NULL), NULL);
}

static inline void show(HWND window)
{
    ShowWindow(window, SW_SHOWNORMAL);
    UpdateWindow(window);
}

/* Serves the window until somebody closes it; then the program ends. */
static inline void serve(void)
{
    MSG message;

    while (GetMessageW(&message, NULL, 0, 0) > 0) {
        TranslateMessage(&message);
        DispatchMessageW(&message);
    }
    ExitProcess(ERROR_SUCCESS);
}

#endif
