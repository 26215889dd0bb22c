//! Lists and structs: `[a, b]`, `x[1]`, `x[1:2]`, `x.name`, `struct(a, b AS c)`.

use std::ops::Range;

use super::super::ast::{Ast, AstKind};
use super::super::lexer::Kind;
use super::super::value::Scalar;
use super::{ExprError, Parser, Result, literal};
use crate::data::DataType;

impl Parser {
    /// `[a, b, …]` at the `[`.
    pub(super) fn list_of(&mut self, start: usize) -> Result<Ast> {
        let open = self.next().span;
        let mut args = Vec::new();
        if !self.is_symbol("]") {
            args.push(self.expr(0)?);
            while self.eat_symbol(",") {
                args.push(self.expr(0)?);
            }
        }
        self.close_bracket(&open)?;
        let mut call = self.made_call("array", open, args);
        call.span.start = start;
        Ok(call)
    }

    fn close_bracket(&mut self, open: &Range<usize>) -> Result<()> {
        if self.eat_symbol("]") {
            return Ok(());
        }
        if self.peek().kind == Kind::End {
            return Err(ExprError::new(open.clone(), "a bracket is not closed", "`]` is missing for this one"));
        }
        Err(self.unexpected("`]`"))
    }

    /// `list[i]` and `list[from:to]` at the `[`.
    pub(super) fn item(&mut self, left: Ast) -> Result<Ast> {
        let open = self.next().span;
        let first =
            if self.is_symbol(":") { literal(Scalar::Int(1), DataType::Int, open.clone()) } else { self.expr(0)? };
        let mut args = vec![left, first];
        let name = if self.eat_symbol(":") {
            if !self.is_symbol("]") {
                args.push(self.expr(0)?);
            }
            "slice"
        } else {
            "element_at"
        };
        self.close_bracket(&open)?;
        Ok(self.infix_call(name, open, args))
    }

    /// `struct.name` at the `.`.
    pub(super) fn field(&mut self, left: Ast) -> Result<Ast> {
        self.next();
        let (name, span) = self.name("the name of a field")?;
        let whole = left.span.start..span.end;
        Ok(Ast { kind: AstKind::Field(Box::new(left), name, span), span: whole })
    }

    /// `struct(a, b + 1 AS c)`; `row` is the same.
    pub(super) fn struct_of(&mut self) -> Result<Ast> {
        let (head, open) = self.head();
        let mut fields: Vec<(String, Ast)> = Vec::new();
        loop {
            let value = self.expr(0)?;
            let name = if self.eat_word("as") {
                self.name("a name behind AS")?.0
            } else {
                match &value.kind {
                    AstKind::Column { name, .. } | AstKind::Field(_, name, _) => name.clone(),
                    _ => {
                        return Err(ExprError::new(value.span.clone(), "a field of a struct needs a name", "needs AS")
                            .help("write struct(x + 1 AS a, y AS b)"));
                    }
                }
            };
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(ExprError::new(value.span, format!("the field `{name}` comes twice"), "a second time"));
            }
            fields.push((name, value));
            if !self.eat_symbol(",") {
                break;
            }
        }
        self.close(&open)?;
        Ok(Ast { kind: AstKind::Struct(fields), span: head.start..self.end() })
    }
}
