/* powerdown-hidden.exe
 *
 * A program in the background that does not agree to end: a top-level window that
 * is never shown and answers FALSE to WM_QUERYENDSESSION.  It is a top-level
 * window because message-only windows get no broadcasts (learn: Window Features).
 */

#include "application.h"

BEHAVIOUR({
    "format": 1,
    "kind": "application",
    "window": {"visible": false, "title": "Powerdown hidden refuser"},
    "query_end_session": "refuse"
});

static const Application application = {L"Powerdown hidden refuser", refuse, NULL};

void WINAPI powerdown_probe(void)
{
    open_window();
    serve();
}
