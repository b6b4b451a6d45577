//! The frame of the pages that are lists and reports; the prompt has its own.

use pkgsrv_index::simple::Escaped;

/// Colours follow the reader's own choice of light and dark; words carry the meaning, colour only repeats it.
const STYLE: &str = ":root{color-scheme:light dark;background:Canvas;color:CanvasText}\
    body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
    table{border-collapse:collapse;width:100%;margin:1rem 0}\
    caption{text-align:start;font-weight:bold;padding:.25rem 0}\
    th,td{text-align:start;vertical-align:top;padding:.35rem .75rem .35rem 0;border-top:1px solid #8886}\
    td,code{overflow-wrap:anywhere}\
    pre{background:#8881;padding:.75rem;overflow-x:auto}\
    td pre{white-space:pre-wrap;overflow-wrap:anywhere;padding:.5rem;margin:.25rem 0}\
    .table{overflow-x:auto}\
    .passed{color:light-dark(#176b2c,#7ddc92)}.warning{color:light-dark(#7a5200,#ffca6b)}\
    .refused{color:light-dark(#a3141f,#ff9a9f)}";

/// A page with this heading; `body` is HTML.
pub(crate) fn page(title: &str, body: &str) -> String {
    let title = Escaped(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n"
    )
}
