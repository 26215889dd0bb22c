//! URLs: their parts, and percent encoding.
//!
//! A text is taken apart as RFC 3986 does (appendix B), without judging the parts: log files hold all sorts of URLs,
//! and requests such as `/a?b=c` that are only the end of one. A part that is not there is null.

use std::borrow::Cow;

use super::super::typed::Typed;
use super::super::value::Scalar;
use super::{Arg, BindError, Bound, Function, rows_to_int, rows_to_string};

const S: Arg = Arg::String;

const fn part(
    name: &'static str,
    signature: &'static str,
    doc: &'static str,
    example: (&'static str, &'static str),
    bind: fn(&[Typed]) -> Result<Bound, BindError>,
) -> Function {
    Function::new(name, signature, doc, example, &[S], bind)
}

pub const FUNCTIONS: &[Function] = &[
    part(
        "url_extract_protocol",
        "url_extract_protocol(url)",
        "the scheme",
        ("url_extract_protocol('https://a.org/b')", "https"),
        |_| of(|url| url.scheme),
    ),
    part(
        "url_extract_host",
        "url_extract_host(url)",
        "the host",
        ("url_extract_host('https://a.org:81/b')", "a.org"),
        |_| of(|url| url.host()),
    ),
    part(
        "url_extract_port",
        "url_extract_port(url)",
        "the port",
        ("url_extract_port('https://a.org:81/b')", "81"),
        |_| rows_to_int(|args, row| Ok(args[0].str(row).and_then(|text| Url::new(text).port()?.parse().ok()))),
    ),
    part(
        "url_extract_path",
        "url_extract_path(url)",
        "the path",
        ("url_extract_path('https://a.org/b?c=d')", "/b"),
        |_| of(|url| Some(url.path)),
    ),
    part(
        "url_extract_query",
        "url_extract_query(url)",
        "what stands behind the ?",
        ("url_extract_query('/b?c=d&e=f#g')", "c=d&e=f"),
        |_| of(|url| url.query),
    ),
    part(
        "url_extract_fragment",
        "url_extract_fragment(url)",
        "what stands behind the #",
        ("url_extract_fragment('/b?c=d#g')", "g"),
        |_| of(|url| url.fragment),
    ),
    Function::new(
        "url_extract_parameter",
        "url_extract_parameter(url, name)",
        "the first parameter of a name in the query, decoded",
        ("url_extract_parameter('/find?q=a%20b&n=2', 'q')", "a b"),
        &[S, S],
        |_| {
            rows_to_string(|args, row, out| {
                let Some((text, name)) = args[0].str(row).zip(args[1].str(row)) else { return Ok(None) };
                Ok(parameter(text, name).map(|value| out.push_str(&value)))
            })
        },
    ),
    Function::new(
        "parse_url",
        "parse_url(url, part [, name])",
        "a part, as in Flink and Hive: 'PROTOCOL', 'HOST', 'AUTHORITY', 'USERINFO', 'PATH', 'FILE' (path and query), \
         'REF' (behind the #) or 'QUERY', with a name one parameter of it, not decoded",
        ("parse_url('http://a.org/b?c=d', 'QUERY', 'c')", "d"),
        &[S, S, S],
        parse_url,
    )
    .least(2),
    Function::new(
        "url_decode",
        "url_decode(text)",
        "%20 and + as the characters they stand for; an error if that is no UTF-8",
        ("url_decode('a%20b+%C3%A4')", "a b ä"),
        &[S],
        |_| {
            rows_to_string(|args, row, out| {
                let Some(text) = args[0].str(row) else { return Ok(None) };
                out.push_str(&decode(text).ok_or_else(|| format!("'{text}' is not the encoding of a text"))?);
                Ok(Some(()))
            })
        },
    ),
    Function::new(
        "url_encode",
        "url_encode(text)",
        "all but letters, digits and -_.~ in percent encoding",
        ("url_encode('a b/ä')", "a%20b%2F%C3%A4"),
        &[S],
        |_| {
            rows_to_string(|args, row, out| {
                Ok(args[0].str(row).map(|text| {
                    for byte in text.bytes() {
                        match byte {
                            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                                out.push(char::from(byte));
                            }
                            other => out.push_str(&format!("%{other:02X}")),
                        }
                    }
                }))
            })
        },
    ),
];

/// The parts of a URL.
struct Url<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> Url<'a> {
    fn new(text: &'a str) -> Url<'a> {
        let (rest, fragment) = split(text.trim_ascii(), '#');
        let (rest, query) = split(rest, '?');
        let (scheme, rest) = match rest.split_once(':') {
            Some((scheme, behind)) if is_scheme(scheme, behind) => (Some(scheme), behind),
            _ => (None, rest),
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (Some(authority), path)
            }
            None => (None, rest),
        };
        Url { scheme, authority, path, query, fragment }
    }

    fn user(&self) -> Option<&'a str> {
        self.authority?.rsplit_once('@').map(|(user, _)| user)
    }

    fn host_and_port(&self) -> Option<(&'a str, Option<&'a str>)> {
        let authority = self.authority?;
        let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
        // An IPv6 address has colons of its own, inside brackets.
        let from = place.find(']').map_or(0, |at| at + 1);
        Some(match place[from..].find(':') {
            Some(at) => (&place[..from + at], Some(&place[from + at + 1..])),
            None => (place, None),
        })
    }

    fn host(&self) -> Option<&'a str> {
        self.host_and_port().map(|(host, _)| host).filter(|host| !host.is_empty())
    }

    fn port(&self) -> Option<&'a str> {
        self.host_and_port()?.1
    }
}

fn split(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

/// `mailto:x` has a scheme; `a.org:80/b`, as logs have it, a host and a port.
fn is_scheme(text: &str, behind: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && !behind.starts_with(|c: char| c.is_ascii_digit())
}

fn of(f: for<'a> fn(&Url<'a>) -> Option<&'a str>) -> Result<Bound, BindError> {
    rows_to_string(move |args, row, out| {
        let found = args[0].str(row).and_then(|text| f(&Url::new(text)));
        Ok(found.map(|part| out.push_str(part)))
    })
}

/// The value of the first parameter `name`, which may be encoded, too.
fn parameter<'a>(url: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let query = Url::new(url).query?;
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let is_it = key == name || decode(key).is_some_and(|key| key == name);
        // What is no encoding of a text is given as it is.
        is_it.then(|| decode(value).unwrap_or(Cow::Borrowed(value)))
    })
}

/// `None` if the bytes are not UTF-8. A % that is not followed by two hex digits stands for itself.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'+' => out.push(b' '),
            b'%' if let Some((high, low)) = digit(at + 1).zip(digit(at + 2)) => {
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            other => out.push(other),
        }
        at += 1;
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

fn parse_url(args: &[Typed]) -> Result<Bound, BindError> {
    const PARTS: [&str; 8] = ["PROTOCOL", "HOST", "AUTHORITY", "USERINFO", "PATH", "FILE", "REF", "QUERY"];
    let part = match args[1].as_constant() {
        Some(Scalar::String(part)) => part.to_ascii_uppercase(),
        _ => return Err(BindError::new(1, "the part must be a constant text")),
    };
    if args.len() == 3 && part != "QUERY" {
        return Err(BindError::new(2, "only 'QUERY' has parameters with names"));
    }
    if args.len() == 3 {
        return rows_to_string(|args, row, out| {
            let Some((text, name)) = args[0].str(row).zip(args[2].str(row)) else { return Ok(None) };
            let pairs = Url::new(text).query.into_iter().flat_map(|query| query.split('&'));
            let found = pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
            Ok(found.map(|(_, value)| out.push_str(value)))
        });
    }
    match part.as_str() {
        "PROTOCOL" => of(|url| url.scheme),
        "HOST" => of(|url| url.host()),
        "AUTHORITY" => of(|url| url.authority),
        "USERINFO" => of(|url| url.user()),
        "PATH" => of(|url| Some(url.path)),
        "REF" => of(|url| url.fragment),
        "QUERY" => of(|url| url.query),
        "FILE" => rows_to_string(|args, row, out| {
            Ok(args[0].str(row).map(Url::new).map(|url| {
                out.push_str(url.path);
                if let Some(query) = url.query {
                    out.push('?');
                    out.push_str(query);
                }
            }))
        }),
        _ => {
            Err(BindError::new(1, format!("a URL has no part '{part}'"))
                .help(format!("parts are {}", PARTS.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let url = Url::new("https://ada:x@[::1]:8080/a/b?c=d?e#f#g");
        assert_eq!(
            (url.scheme, url.user(), url.host(), url.port()),
            (Some("https"), Some("ada:x"), Some("[::1]"), Some("8080"))
        );
        assert_eq!((url.path, url.query, url.fragment), ("/a/b", Some("c=d?e"), Some("f#g")));
        let request = Url::new("/find?q=http://x.org/");
        assert_eq!((request.scheme, request.host(), request.path), (None, None, "/find"));
        assert_eq!(Url::new("mailto:ada@a.org").scheme, Some("mailto"));
        assert_eq!(Url::new("//a.org").host(), Some("a.org"));
        assert_eq!(Url::new("").path, "");
    }

    #[test]
    fn decoding() {
        assert_eq!(decode("100%").as_deref(), Some("100%"));
        assert_eq!(decode("%zz%4").as_deref(), Some("%zz%4"));
        assert_eq!(decode("%ff"), None);
        assert_eq!(parameter("/?a=1&%62=%ff&b=2", "b").as_deref(), Some("%ff"));
        assert_eq!(parameter("/?a&b=2", "a").as_deref(), Some(""));
    }
}
