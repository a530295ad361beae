/* powerdown-reasoned.exe TEXT
 *
 * A program that does not agree to end and says why: an ordinary window that
 * answers FALSE to WM_QUERYENDSESSION, with TEXT as its reason on the screen that
 * lists what blocks a shutdown.
 */

#include "application.h"

BEHAVIOUR({
    "format": 1,
    "kind": "application",
    "window": {"visible": true, "title": "Powerdown reasoned refuser"},
    "block_reason": "%1",
    "query_end_session": "refuse"
});

static const Application application = {L"Powerdown reasoned refuser", refuse, NULL};

void WINAPI powerdown_probe(void)
{
    wchar_t **argument = arguments(1);
    HWND window = open_window();

    /* It only adds the text; the answer is what blocks.  Only the thread that made
     * the window may call it.  (learn: ShutdownBlockReasonCreate function)
     */
    ShutdownBlockReasonCreate(window, argument[0]);
    put_text(window, argument[0]);
    show(window);
    serve();
}
