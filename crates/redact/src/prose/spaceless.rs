//! Chinese, Japanese and Korean: words stand next to each other, so what joins noun and value is looked for in between.

use std::ops::Range;

use super::front;
use super::judge::{self, Candidate, Joint};
use super::noun::{Noun, is_spaceless};
use super::step;
use super::value::{self, Value};
use crate::text::Text;

/// Finds a value on either side of the noun.
pub(super) fn find(text: Text<'_>, noun: &Noun, found: &mut Vec<Range<usize>>) {
    if let Some(value) = behind(text, noun).or_else(|| in_front(text, noun)) {
        found.push(value.range);
    }
}

/// The value behind the noun: `密码是X`, `パスワードはXです`, `비밀번호: X`.
fn behind(text: Text<'_>, noun: &Noun) -> Option<Value> {
    let in_bridge = |letter: char| is_spaceless(letter) || BRIDGE.contains(letter);
    let bridge = text.run(noun.range.end, MAX_BRIDGE, in_bridge);
    let value_start = noun.range.end + bridge.len();
    if text.characters(value_start..value_start + 3).starts_with(in_bridge) {
        return None;
    }
    let joint = if bridge.contains([':', '：', '=', '＝', '→', '—']) {
        Joint::Given
    } else if JOINTS.iter().any(|joint| bridge.contains(joint)) {
        Joint::Verb
    } else if bridge.trim().is_empty() {
        Joint::Beside
    } else {
        return None;
    };
    let mut value = value::read(text, value_start)?;
    if let Some(head) = head_of_value(bridge, text.characters(value.range.clone())) {
        value.range.start -= head;
    }
    let rest = text.characters(value.end..value.end + MAX_CLOSING);
    let rest = rest.trim_start();
    let is_measure = UNITS.iter().any(|unit| rest.starts_with(unit));
    let candidate = Candidate {
        value: text.characters(value.range.clone()),
        marks: value.marks,
        joint,
        role: noun.role,
        next: "",
        last: step::ends_sentence(text, value.end) || CLOSERS.iter().any(|closer| rest.starts_with(closer)),
        other_script: true,
        like_code: false,
    };
    (!is_measure && judge::accepts(&candidate)).then_some(value)
}

/// Bytes of the letters behind the last joint that belong to a value whose rest is a number: `密码是小猫咪123`.
fn head_of_value(bridge: &str, rest: &str) -> Option<usize> {
    let at = bridge.char_indices().rev().find(|(_, letter)| HEAD_JOINTS.contains(*letter))?;
    let head = bridge.get(at.0 + at.1.len_utf8()..)?.trim_start();
    let is_number = rest.len() > 2 && rest.bytes().all(|byte| byte.is_ascii_digit());
    let letters = head.chars().count();
    (is_number && (1..=MAX_HEAD).contains(&letters) && head.chars().all(is_spaceless)).then_some(head.len())
}

/// The value in front of the noun: `用X作为密码`, `Xがパスワードです`.
fn in_front(text: Text<'_>, noun: &Noun) -> Option<Value> {
    let window = text.characters(noun.range.start.saturating_sub(MAX_BRIDGE)..noun.range.start);
    let kept = window.trim_end_matches(|letter: char| is_spaceless(letter) || letter == ' ');
    let bridge = window.get(kept.len()..)?;
    let end = noun.range.start - bridge.len();
    let joins = bridge.chars().count() <= MAX_HEAD && FRONT_JOINTS.iter().any(|joint| bridge.contains(joint));
    let value = if joins { front::ending_at(text, end) } else { None };
    value.filter(|value| front::accepts(text, value, noun, Joint::Verb))
}

/// Signs that may stand between noun and value besides letters.
const BRIDGE: &str = ":：=＝→—- \u{3000}";
/// What joins a noun to the value behind it.
const JOINTS: &[&str] = &[
    "是", "为", "為", "成", "叫", "改", "设", "設", "用", "は", "が", "を", "に", "も", "는", "은", "이",
    "가", "를", "을",
];
/// Letters behind which a value may begin with letters.
const HEAD_JOINTS: &str = "是为為了成は：:=＝는은 ";
/// What joins a value to the noun behind it.
const FRONT_JOINTS: &[&str] = &["作为", "作為", "当", "當", "做", "是", "が", "を", "로", "가", "이", "를"];
/// What makes a number a measure.
const UNITS: &[&str] = &[
    "位", "个", "個", "字", "文字", "桁", "自", "天", "分", "秒", "次", "回", "年", "月", "日", "时", "時",
    "小时", "以上", "以下", "자", "글자", "일", "분", "초", "번", "회", "加密", "算法", "编码", "格式",
    "类型", "化", "形式",
];
/// What may end a sentence behind a value.
const CLOSERS: &[&str] = &[
    "です",
    "だ",
    "でした",
    "に",
    "を",
    "请",
    "請",
    "哦",
    "啊",
    "吧",
    "입니다",
    "이",
    "야",
    "예요",
    "(",
    "（",
];
/// Most bytes between noun and value.
const MAX_BRIDGE: usize = 48;
/// Most letters of a value in front of its number, and of what joins a value to the noun behind it.
const MAX_HEAD: usize = 6;
/// Most bytes that are looked at behind a value.
const MAX_CLOSING: usize = 16;
