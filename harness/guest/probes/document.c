/* powerdown-document.exe PATH TEXT
 *
 * A program with unsaved work.  It shows an ordinary window, holds TEXT in
 * memory only, agrees to the end of the session and saves TEXT to PATH when the
 * session really ends.  A guest that is cut off loses the text; so does one
 * whose shutdown somebody else refuses.
 */

#include "probe.h"

#define TITLE L"Untitled - Powerdown document"

BEHAVIOUR({
    "format": 1,
    "kind": "application",
    "window": {"visible": true, "title": "Untitled - Powerdown document"},
    "query_end_session": "agree",
    "end_session": [{"write": "%1", "text": "%2"}]
});

static const wchar_t *document_path;
static const wchar_t *document_text;

static LRESULT CALLBACK window_procedure(HWND window, UINT message, WPARAM wide, LPARAM narrow)
{
    switch (message) {
    case WM_QUERYENDSESSION:
        return TRUE;
    case WM_ENDSESSION: /* FALSE: somebody refused, the session goes on. */
        if (wide)
            write_text(document_path, document_text);
        return 0;
    case WM_DESTROY:
        PostQuitMessage(0);
        return 0;
    }
    return DefWindowProcW(window, message, wide, narrow);
}

void WINAPI powerdown_probe(void)
{
    static WNDCLASSW window_class; /* static: zeroed without memset. */
    wchar_t **argument = arguments(2);
    HWND window;
    MSG message;

    document_path = argument[0];
    document_text = argument[1];

    window_class.lpfnWndProc = window_procedure;
    window_class.hInstance = GetModuleHandleW(NULL);
    window_class.hCursor = LoadCursorW(NULL, (const wchar_t *)IDC_ARROW);
    window_class.hbrBackground = (HBRUSH)(COLOR_WINDOW + 1);
    window_class.lpszClassName = L"PowerdownDocument";
    if (!RegisterClassW(&window_class))
        ExitProcess(GetLastError());

    window = CreateWindowExW(0, window_class.lpszClassName, TITLE, WS_OVERLAPPEDWINDOW,
                             CW_USEDEFAULT, CW_USEDEFAULT, 480, 320, NULL, NULL,
                             window_class.hInstance, NULL);
    if (window == NULL)
        ExitProcess(GetLastError());
    /* A person looking at the screen sees what would be lost. */
    CreateWindowExW(0, L"STATIC", document_text, WS_CHILD | WS_VISIBLE, 8, 8, 448, 260, window,
                    NULL, window_class.hInstance, NULL);
    ShowWindow(window, SW_SHOWNORMAL);
    UpdateWindow(window);

    while (GetMessageW(&message, NULL, 0, 0) > 0) {
        TranslateMessage(&message);
        DispatchMessageW(&message);
    }
    ExitProcess(ERROR_SUCCESS);
}
