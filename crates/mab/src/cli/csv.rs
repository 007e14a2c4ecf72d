//! Comma-separated values (RFC 4180) that are data and nothing else, also to a spreadsheet.

/// One line, with its end: fields that need it are quoted, and one that a spreadsheet would take for a formula begins with
/// an apostrophe (the advice of OWASP's page on CSV injection).
pub(super) fn line(fields: &[&str]) -> String {
    let fields: Vec<String> = fields.iter().map(|text| field(text)).collect();
    format!("{}\r\n", fields.join(","))
}

fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_need_it_are_quoted() {
        assert_eq!(
            line(&["a", "b c", "1,2", "say \"x\"", "two\nlines", ""]),
            "a,b c,\"1,2\",\"say \"\"x\"\"\",\"two\nlines\",\r\n"
        );
    }

    #[test]
    fn fields_that_look_like_formulas_are_disarmed() {
        for start in ["=", "+", "-", "@", "\t"] {
            assert_eq!(line(&[&format!("{start}1")]), format!("'{start}1\r\n"));
        }
        assert_eq!(line(&["\r=1,2"]), "\"'\r=1,2\"\r\n");
    }
}
