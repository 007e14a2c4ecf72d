use proptest::prelude::*;

use super::*;

fn pattern(text: &str) -> PathPattern {
    PathPattern::parse(text).unwrap_or_else(|denied| panic!("{text}: {denied}"))
}

fn overlap(one: &str, other: &str) -> bool {
    let (one, other) = (pattern(one), pattern(other));
    assert_eq!(one.overlaps(&other), other.overlaps(&one), "{one} {other}");
    one.overlaps(&other)
}

fn covers(text: &str, path: &str) -> bool {
    pattern(text).covers(&ProjectPath::parse(path).unwrap())
}

#[test]
fn pattern_when_read_is_normalised() {
    for (text, expected) in [
        ("./src//api/", "src/api"),
        ("src/./api/.", "src/api"),
        ("././a", "a"),
        ("{./a,b}/c/", "{./a,b}/c"),
        ("app/[id]/page.tsx", "app/[id]/page.tsx"),
        ("a b/é😀", "a b/é😀"),
        ("**", "**"),
    ] {
        assert_eq!(pattern(text).to_string(), expected);
    }
    assert_eq!(pattern("{./a,b}//c").expanded_chars(), 5 + 3);
}

#[test]
fn pattern_when_malformed_is_refused_with_a_hint_and_never_echoed() {
    for (bad, message) in [
        ("", "names nothing"),
        (".", "names nothing"),
        ("./", "names nothing"),
        ("a{b,c", "braces"),
        ("ab}c", "braces"),
        ("a{b}", "braces"),
        ("a{}", "braces"),
        ("{a,{b,c}}", "braces"),
        ("{{x}}", "braces"),
        ("{a,b}{c,d}{e,f}{g,h}{i,j}", "more than 16"),
        ("/etc/passwd", "absolute"),
        ("{/etc,src}/x", "absolute"),
        ("{,src}/x", "absolute"),
        ("~/notes", "absolute"),
        ("C:/x", "absolute"),
        ("C:\\x", "backslash"),
        ("src\\x", "backslash"),
        ("../x", ".."),
        ("src/../x", ".."),
        ("src/{..,x}", ".."),
        ("src/.{.,x}", ".."),
        ("src/**.rs", "beside"),
        ("src/a**/b", "beside"),
        ("***", "beside"),
        ("a\nb", "control"),
        ("a\0b", "control"),
        ("a\u{9b}b", "control"),
        (" src", "blank"),
        ("src/a ", "blank"),
        ("!src/a", "exclude"),
        ("a.rs, b.rs", "list"),
        ("file:///tmp/x", "URL"),
        (&"x".repeat(257), "longer"),
    ] {
        let denied = PathPattern::parse(bad).unwrap_err();
        assert_eq!(denied.code, Code::InvalidArguments);
        assert!(denied.message.contains(message), "{bad:?}: {denied}");
        assert!(denied.hint.is_some_and(|hint| !hint.is_empty()), "{bad:?}");
    }
    assert!(PathPattern::parse("hunter2/../x").is_err_and(|denied| !denied.message.contains("hunter2")));
    assert!(PathPattern::parse(&"é".repeat(256)).is_ok());
    assert_eq!(format!("{:?}", pattern("hunter2")), "PathPattern(7 bytes)");
}

#[test]
fn patterns_overlap_when_a_path_is_covered_by_both() {
    for (one, other, expected) in [
        ("src", "src/api/x.rs", true),
        ("src", "srcs", false),
        ("src/*.rs", "src/main.rs", true),
        ("src/*.rs", "src/main.py", false),
        ("src/*/mod.rs", "src/api", true),
        ("src/api/**", "src/web/**", false),
        ("**/test.rs", "docs", true),
        ("src/**/x", "docs/**/x", false),
        ("a*c", "ab*", true),
        ("a*b", "a*c", false),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("*ab*ba*", "abba", true),
        ("*ab*ba*", "aba", false),
        ("*a?a*", "bcadab", true),
        ("{src,lib}/x", "lib/x", true),
        ("{src,lib}/x", "bin/x", false),
        ("{a/b,c}/d", "a/*/d", true),
        ("app/[id]", "app/i", false),
        ("app/[id]", "app/[id]/page.tsx", true),
        ("Src", "src", false),
        ("a", "a/**", true),
    ] {
        assert_eq!(overlap(one, other), expected, "{one} {other}");
    }
}

#[test]
fn pattern_covers_what_it_matches_and_everything_beneath() {
    for (text, path, expected) in [
        ("src", "src/api/x.rs", true),
        ("src/api/x.rs", "src", false),
        ("src/api/x.rs", "src/", true),
        ("**/x", "src/main.rs", false),
        ("**/x", "src/", true),
        ("**/x", "x", true),
        ("**/x", "a/b/x/c", true),
        ("a/**/b/**/c", "a/1/b/2/c", true),
        ("a/**/b/**/c", "a/c/b", false),
        ("a/**/b", "a/b", true),
        ("*.rs", "src/main.rs", false),
        ("*", "a\nb\\c", true),
        ("a\u{202e}b", "a\u{202e}b", true),
        ("?", "*", true),
        ("docs", "src/", false),
        ("docs", "./", true),
    ] {
        assert_eq!(covers(text, path), expected, "{text} {path}");
    }
}

#[test]
fn path_when_outside_the_project_is_refused() {
    for bad in ["", ".", "/", "/etc", "..", "../", "a/../../b"] {
        assert!(
            ProjectPath::parse(bad).is_err_and(|denied| denied.code == Code::InvalidArguments),
            "{bad:?}"
        );
    }
}

/// The plainest matcher there is, for one name: tries everything.
fn naive_name(pattern: &[char], name: &[char]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some(('*', rest)) => (0..=name.len()).any(|skipped| naive_name(rest, &name[skipped..])),
        Some((wanted, rest)) => {
            name.first().is_some_and(|found| *wanted == '?' || wanted == found)
                && naive_name(rest, &name[1..])
        }
    }
}

/// The same for a path: `pattern` matches it or a folder above it.
fn naive_path(pattern: &[&str], path: &[&str]) -> bool {
    let characters = |text: &str| text.chars().collect::<Vec<_>>();
    match pattern.split_first() {
        None => true,
        Some((&"**", rest)) => (0..=path.len()).any(|skipped| naive_path(rest, &path[skipped..])),
        Some((wanted, rest)) => {
            path.first().is_some_and(|found| naive_name(&characters(wanted), &characters(found)))
                && naive_path(rest, &path[1..])
        }
    }
}

fn naive(pattern: &str, path: &str) -> bool {
    naive_path(&pattern.split('/').collect::<Vec<_>>(), &path.split('/').collect::<Vec<_>>())
}

/// Every row of 1 to `most` of these, joined.
fn every(of: &[&str], most: usize, joint: &str) -> Vec<String> {
    let mut all: Vec<String> = of.iter().map(|&one| one.to_owned()).collect();
    let mut newest = all.clone();
    for _ in 1..most {
        newest = newest
            .iter()
            .flat_map(|start| of.iter().map(move |one| format!("{start}{joint}{one}")))
            .collect();
        all.extend(newest.clone());
    }
    all
}

/// Holds `overlaps` and `covers` against the naive matcher for every pair of `patterns`. `paths` must hold a common
/// path of each pair that has one: one as long as both patterns together is enough.
fn hold(patterns: &[String], paths: &[String]) {
    let parsed: Vec<PathPattern> = patterns.iter().map(|text| pattern(text)).collect();
    let covered: Vec<Vec<bool>> =
        patterns.iter().map(|text| paths.iter().map(|path| naive(text, path)).collect()).collect();
    for (one, matches) in parsed.iter().zip(&covered) {
        for (path, expected) in paths.iter().zip(matches) {
            assert_eq!(one.covers(&ProjectPath::parse(path).unwrap()), *expected, "{one} {path}");
        }
        for (other, others) in parsed.iter().zip(&covered) {
            let expected = matches.iter().zip(others).any(|(one, other)| *one && *other);
            assert_eq!(one.overlaps(other), expected, "{one} {other}");
        }
    }
}

#[test]
fn names_when_all_short_ones_are_tried_overlap_exactly() {
    let mut patterns = every(&["a", "b", "?", "*"], 4, "");
    patterns.retain(|text| !text.contains("**"));
    hold(&patterns, &every(&["a", "b"], 8, ""));
}

#[test]
fn paths_when_all_short_ones_are_tried_overlap_exactly() {
    hold(&every(&["a", "b", "*", "**"], 3, "/"), &every(&["a", "b"], 6, "/"));
}

fn pattern_text() -> impl Strategy<Value = String> {
    let name =
        prop::collection::vec(prop::sample::select(vec!["a", "b", "?", "*", "{a,b?}", "{*,ab}"]), 1..4)
            .prop_map(|parts| parts.concat());
    let segment = prop_oneof![4 => name, 1 => Just("**".to_owned())];
    prop::collection::vec(segment, 1..4).prop_map(|segments| segments.join("/"))
}

fn path_text() -> impl Strategy<Value = String> {
    prop::collection::vec("[ab]{1,4}", 1..6).prop_map(|names| names.join("/"))
}

proptest! {
    #[test]
    fn any_pattern_when_shown_and_read_is_itself(text in r"[ab./*?{},~:\\é]{0,24}") {
        if let Ok(read) = PathPattern::parse(&text) {
            prop_assert!(PathPattern::parse(&read.to_string()).is_ok_and(|again| again == read));
        }
    }

    #[test]
    fn patterns_that_cover_one_path_overlap(one in pattern_text(), other in pattern_text(), path in path_text()) {
        let (Ok(one), Ok(other)) = (PathPattern::parse(&one), PathPattern::parse(&other)) else { return Ok(()) };
        let path = ProjectPath::parse(&path).unwrap();
        prop_assert_eq!(one.overlaps(&other), other.overlaps(&one));
        prop_assert!(one.overlaps(&one));
        prop_assert!(!(one.covers(&path) && other.covers(&path)) || one.overlaps(&other));
    }

    #[test]
    fn covered_path_is_covered_by_one_of_the_expansions(text in pattern_text(), path in path_text()) {
        let Ok(read) = PathPattern::parse(&text) else { return Ok(()) };
        let expanded = expand(&read.to_string()).unwrap();
        let expected = expanded.iter().any(|one| naive(one, &path));
        prop_assert_eq!(read.covers(&ProjectPath::parse(&path).unwrap()), expected);
    }
}
