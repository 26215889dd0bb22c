//! Types as CAST has them.

use std::ops::Range;

use super::super::error::nearest;
use super::super::lexer::{Kind, Token};
use super::super::types::{TYPE_NAMES, TypeName, type_name};
use super::{DEPTH_MAX, ExprError, Parser, Result, too_deep};
use crate::data::{DataType, Field};

/// How many lists and structs lie in each other.
fn levels(ty: DataType) -> usize {
    match ty {
        DataType::List(item) => 1 + levels(*item),
        DataType::Struct(fields) => 1 + fields.iter().map(|field| levels(field.ty)).max().unwrap_or(0),
        _ => 0,
    }
}

impl Parser {
    /// A type, perhaps with `[]` behind it for lists of it.
    pub(super) fn data_type(&mut self) -> Result<DataType> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(too_deep(self.peek().span.clone()));
        }
        let mut ty = self.single_type()?;
        while self.is_symbol("[") && self.peek_at(1).kind == Kind::Symbol("]") {
            self.next();
            self.next();
            ty = DataType::list(ty);
            if levels(ty) > DEPTH_MAX {
                break;
            }
        }
        // Values of a type are made and read by functions that call each other as deep as it goes.
        if levels(ty) > DEPTH_MAX {
            return Err(too_deep(self.peek().span.clone()));
        }
        self.depth -= 1;
        Ok(ty)
    }

    /// `<`, what `inside` takes, and `>`.
    fn angles<T>(&mut self, inside: impl FnOnce(&mut Parser) -> Result<T>) -> Result<T> {
        if !self.eat_symbol("<") {
            return Err(self.unexpected("`<` and the types inside"));
        }
        let value = inside(self)?;
        // `list<list<int>>` ends in what is otherwise one operator.
        if self.is_symbol(">>") {
            let span = self.peek().span.clone();
            self.tokens[self.at] = Token { kind: Kind::Symbol(">"), span: span.start + 1..span.end };
            return Ok(value);
        }
        if self.eat_symbol(">") { Ok(value) } else { Err(self.unexpected("`>`")) }
    }

    fn struct_type(&mut self) -> Result<DataType> {
        self.angles(|parser| {
            let mut fields: Vec<Field> = Vec::new();
            loop {
                let (name, span) = parser.name("the name of a field")?;
                // `name: type` as in Hive and Spark.
                parser.eat_symbol(":");
                if fields.iter().any(|field| field.name == name) {
                    return Err(ExprError::new(span, format!("the field `{name}` comes twice"), "a second time"));
                }
                fields.push(Field { name, ty: parser.data_type()? });
                if !parser.eat_symbol(",") {
                    return Ok(DataType::structure(fields));
                }
            }
        })
    }

    fn single_type(&mut self) -> Result<DataType> {
        let Kind::Word(word) = self.peek().kind.clone() else { return Err(self.unexpected("a type")) };
        let span = self.next().span;
        match type_name(&word) {
            Some(TypeName::Plain(ty)) => {
                // `varchar(20)`: lengths are accepted and mean nothing.
                if ty == DataType::String && self.is_symbol("(") {
                    self.type_numbers()?;
                }
                Ok(ty)
            }
            Some(TypeName::Decimal) => {
                let (numbers, place) = if self.is_symbol("(") { self.type_numbers()? } else { (vec![38, 10], span) };
                let scale = numbers.get(1).copied().unwrap_or(0);
                match numbers[0] {
                    precision @ 1..=38 if scale <= precision => Ok(DataType::Decimal { precision, scale }),
                    _ => Err(ExprError::new(
                        place,
                        "a decimal has 1 to 38 digits, and at most as many behind the point",
                        "out of range",
                    )),
                }
            }
            Some(TypeName::List) => self.angles(Parser::data_type).map(DataType::list),
            Some(TypeName::Struct) => self.struct_type(),
            Some(TypeName::Later) => {
                Err(ExprError::new(span, format!("the type {word} is not there yet"), "not there yet")
                    .help(format!("types are {}", TYPE_NAMES.join(", "))))
            }
            None => {
                let help = match nearest(&word, TYPE_NAMES) {
                    Some(name) => format!("did you mean {name}?"),
                    None => format!("types are {}", TYPE_NAMES.join(", ")),
                };
                Err(ExprError::new(span, format!("there is no type `{word}`"), "unknown type").help(help))
            }
        }
    }

    /// `(p)` or `(p, s)`.
    fn type_numbers(&mut self) -> Result<(Vec<u8>, Range<usize>)> {
        let open = self.next().span;
        let mut numbers = Vec::new();
        loop {
            match &self.peek().kind {
                Kind::Number(n) if numbers.len() < 2 => numbers.push(n.parse::<u8>().unwrap_or(u8::MAX)),
                _ => return Err(self.unexpected("a whole number")),
            }
            self.next();
            if !self.eat_symbol(",") {
                break;
            }
        }
        self.close(&open)?;
        Ok((numbers, open.start..self.end()))
    }
}
