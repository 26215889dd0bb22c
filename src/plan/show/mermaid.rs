//! Boxes and arrows in the language of Mermaid: <https://mermaid.js.org/syntax/flowchart.html>.

use super::picture::{Picture, Shape};

pub fn draw(pictures: &[Picture]) -> String {
    let mut out = String::from("flowchart LR\n");
    for picture in pictures {
        out += &format!("  subgraph {}[{}]\n", picture.name, text(&[&picture.title]));
        out += "    direction LR\n";
        for (number, of) in picture.boxes.iter().enumerate() {
            let lines: Vec<&str> = std::iter::once(&of.title).chain(&of.lines).map(String::as_str).collect();
            let (open, close) = match of.shape {
                Shape::Source => ("([", "])"),
                Shape::Operator => ("[", "]"),
                Shape::Sink => ("[(", ")]"),
            };
            out += &format!("    {}{number}{open}{}{close}\n", picture.name, text(&lines));
        }
        for arrow in &picture.arrows {
            let label = if arrow.label.is_empty() { String::new() } else { format!("|{}|", text(&[&arrow.label])) };
            out += &format!("    {0}{1} -->{label} {0}{2}\n", picture.name, arrow.from, arrow.to);
        }
        out += "  end\n";
    }
    out
}

/// Text in quotes. What could be read as markup is written by its number.
fn text(lines: &[&str]) -> String {
    let escaped = |line: &&str| {
        line.chars().fold(String::new(), |mut out, c| {
            match c {
                '#' | '"' | '&' | '<' | '>' | '`' => out += &format!("#{};", c as u32),
                c if c.is_control() => out += &c.escape_default().to_string(),
                c => out.push(c),
            }
            out
        })
    };
    format!("\"{}\"", lines.iter().map(escaped).collect::<Vec<_>>().join("<br/>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_label_is_markup() {
        assert_eq!(text(&["a < 'b' # \"c\"", "`x`"]), "\"a #60; 'b' #35; #34;c#34;<br/>#96;x#96;\"");
    }
}
