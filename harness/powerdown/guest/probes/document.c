/* powerdown-document.exe PATH TEXT
 *
 * A program with unsaved work.  It shows an ordinary window, holds TEXT in
 * memory only, agrees to the end of the session and saves TEXT to PATH when the
 * session really ends.  A guest that is cut off loses the text; so does one
 * whose shutdown somebody else refuses.
 */

#include "application.h"
#include "files.h"

BEHAVIOUR({
    "format": 1,
    "kind": "application",
    "window": {"visible": true, "title": "Untitled - Powerdown document"},
    "query_end_session": "agree",
    "end_session": [{"write": "%1", "text": "%2"}]
});

static const wchar_t *document_path;
static const wchar_t *document_text;

static BOOL agree(void)
{
    return TRUE;
}

static void save(void)
{
    write_text(document_path, document_text);
}

static const Application application = {L"Untitled - Powerdown document", agree, save};

void WINAPI powerdown_probe(void)
{
    wchar_t **argument = arguments(2);
    HWND window;

    document_path = argument[0];
    document_text = argument[1];
    window = open_window();
    put_text(window, document_text); /* What would be lost. */
    show(window);
    serve();
}
