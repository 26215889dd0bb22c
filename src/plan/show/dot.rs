//! Boxes and arrows in the language of Graphviz: <https://graphviz.org/doc/info/lang.html>.

use super::picture::{Picture, Shape};

pub fn draw(name: &str, pictures: &[Picture]) -> String {
    let mut out = format!("digraph {} {{\n", quoted(&[name]));
    out +=
        "  rankdir=LR\n  fontname=\"sans-serif\"\n  node [fontname=\"sans-serif\"]\n  edge [fontname=\"sans-serif\"]\n";
    for picture in pictures {
        out += &format!("  subgraph cluster_{} {{\n    label={}\n", picture.name, quoted(&[&picture.title]));
        for (number, of) in picture.boxes.iter().enumerate() {
            let shape = match of.shape {
                Shape::Source => "shape=box, style=rounded",
                Shape::Operator => "shape=box",
                Shape::Sink => "shape=box, peripheries=2",
            };
            let lines: Vec<&str> = std::iter::once(&of.title).chain(&of.lines).map(String::as_str).collect();
            out += &format!("    {}{number} [{shape}, label={}]\n", picture.name, quoted(&lines));
        }
        for arrow in &picture.arrows {
            let label = match arrow.label.is_empty() {
                true => String::new(),
                false => format!(" [label={}]", quoted(&[&arrow.label])),
            };
            out += &format!("    {0}{1} -> {0}{2}{label}\n", picture.name, arrow.from, arrow.to);
        }
        out += "  }\n";
    }
    out + "}\n"
}

/// A string of lines, set to the left where there are several.
fn quoted(lines: &[&str]) -> String {
    let escaped = |line: &&str| line.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ");
    let end = if lines.len() > 1 { "\\l" } else { "" };
    let lines: String = lines.iter().map(|line| escaped(line) + end).collect();
    format!("\"{lines}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_are_text() {
        assert_eq!(quoted(&["a"]), "\"a\"");
        assert_eq!(quoted(&["\"a\\d\"", "b"]), "\"\\\"a\\\\d\\\"\\lb\\l\"");
    }
}
