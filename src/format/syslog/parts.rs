//! What stands behind the time: application and process of RFC 3164, structured data of RFC 5424.

use memchr::{memchr, memchr2};

/// Application, process id and message in text such as `sshd(pam_unix)[19939]: check pass`. Places are ranges of the
/// text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tag {
    pub app: Option<(usize, usize)>,
    pub pid: Option<(usize, usize)>,
    /// Where the message starts.
    pub message: usize,
}

/// The tag that `text` begins with. An application is one word that a colon or a process id ends. Of two words it is one
/// where a process id ends it (`-- root[15090]:`) or where the second is a version (`syslogd 1.4.1:`).
#[inline(always)]
pub fn tag(text: &[u8]) -> Tag {
    let first = memchr(b' ', text).unwrap_or(text.len());
    if let Some(tag) = ended(text, 0, first) {
        return tag;
    }
    two_words(text, first).unwrap_or_default()
}

#[cold]
fn two_words(text: &[u8], first: usize) -> Option<Tag> {
    let second = first + 1;
    let rest = text.get(second..).filter(|_| first > 0)?;
    let end = second + memchr(b' ', rest).unwrap_or(rest.len());
    let tag = ended(text, second, end)?;
    let (_, app_end) = tag.app?;
    let is_version = rest.first().is_some_and(u8::is_ascii_digit);
    (tag.pid.is_some() || is_version).then_some(Tag { app: Some((0, app_end)), ..tag })
}

/// The tag that the word `start..end` of `text` ends, if it does.
#[inline(always)]
fn ended(text: &[u8], start: usize, end: usize) -> Option<Tag> {
    let word = &text[start..end];
    let (body, colon) = match word {
        [body @ .., b':'] => (body, true),
        body => (body, false),
    };
    let message = (end + 1).min(text.len());
    if let [inner @ .., b']'] = body
        && let Some(open) = memchr::memrchr(b'[', inner)
        && open > 0
        && open + 1 < inner.len()
        && inner[open + 1..].iter().all(u8::is_ascii_digit)
    {
        let pid = Some((start + open + 1, start + inner.len()));
        return Some(Tag { app: Some((start, start + open)), pid, message });
    }
    let app = (colon && !body.is_empty()).then_some((start, start + body.len()))?;
    Some(Tag { app: Some(app), pid: None, message })
}

/// Where the structured data that `text` begins with ends: `-`, or elements such as `[id name="value"]`. `None`: it is
/// neither, or does not close.
pub fn data_end(text: &[u8]) -> Option<usize> {
    if text.first() == Some(&b'-') {
        return Some(1);
    }
    let mut at = 0;
    while text.get(at) == Some(&b'[') {
        at = element_end(text, at + 1)?;
    }
    (at > 0).then_some(at)
}

/// Behind the bracket that closes the element whose inside starts at `at`.
fn element_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b']', b'"', text.get(at..)?)?;
        if text[at] == b']' {
            return Some(at + 1);
        }
        at += 1;
        loop {
            at += memchr2(b'"', b'\\', text.get(at..)?)?;
            if text[at] == b'"' {
                break;
            }
            at += 2;
        }
        at += 1;
    }
}
