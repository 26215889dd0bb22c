//! Lists, structs and JSON made of parts, and fields of structs.

use std::ops::Range;

use super::super::ExprError;
use super::super::ast::{Ast, Call};
use super::super::error::{list, nearest};
use super::super::function::made as kernels;
use super::super::typed::{Node, Typed};
use super::{Resolver, Result};
use crate::data::{DataType, Field};

impl Resolver<'_> {
    /// `value.name`
    pub(super) fn field(&mut self, value: &Ast, name: &str, span: &Range<usize>) -> Result<Typed> {
        let value_span = value.span.clone();
        let typed = self.resolve(value)?;
        let DataType::Struct(fields) = typed.ty else {
            let error = ExprError::new(
                value_span,
                format!("`.{name}` takes a struct, not {}", typed.ty),
                format!("this is {}", typed.ty),
            );
            return Err(match typed.ty {
                DataType::Json => error.help(format!("write -> '{name}' for JSON, or ->> '{name}' for text")),
                _ => error.help("a source reads nested fields as columns with `from`"),
            });
        };
        let Some(index) = fields.iter().position(|field| field.name == name) else {
            let names = || fields.iter().map(|field| field.name.as_str());
            let error = ExprError::new(span.clone(), format!("there is no field `{name}`"), "unknown field");
            return Err(match nearest(name, names()) {
                Some(near) => error.help(format!("did you mean `{near}`? Fields: {}", list(names()))),
                None => error.help(format!("fields: {}", list(names()))),
            });
        };
        Ok(Typed::new(fields[index].ty, Node::Field(Box::new(typed), index, name.to_owned())))
    }

    /// `struct(a, b AS c)`
    pub(super) fn structure(&mut self, fields: &[(String, Ast)]) -> Result<Typed> {
        let args = fields.iter().map(|(_, value)| self.resolve(value)).collect::<Result<Vec<Typed>>>()?;
        let field = |((name, _), typed): (&(String, Ast), &Typed)| Field { name: name.clone(), ty: typed.ty };
        let ty = DataType::structure(fields.iter().zip(&args).map(field).collect());
        let types = args.iter().map(|arg| arg.ty).collect();
        Ok(Typed::new(ty, Node::Call { name: "struct", args, kernel: kernels::make_struct(ty, types) }))
    }

    /// `[a, b, …]`
    pub(super) fn list_of(&mut self, args: &[&Ast]) -> Result<Typed> {
        let args = self.unified(args, "the elements of a list")?;
        let item = args.first().map_or(DataType::String, |arg| arg.ty);
        let ty = DataType::list(item);
        let kernel = kernels::make_list(ty, args.len());
        Ok(Typed::new(ty, Node::Call { name: "array", args, kernel }))
    }

    /// `to_json(x)`, `json_array(a, b, …)`, `json_object('name', value, …)`
    pub(super) fn made_json(&mut self, call: &Call, asts: &[&Ast]) -> Result<Typed> {
        let args = asts.iter().map(|arg| self.resolve(arg)).collect::<Result<Vec<Typed>>>()?;
        let types: Vec<DataType> = args.iter().map(|arg| arg.ty).collect();
        let (name, kernel) = match call.name.as_str() {
            "to_json" => {
                self.arity(call, 1..=1, "to_json(x)")?;
                ("to_json", kernels::to_json(types))
            }
            "json_array" => ("json_array", kernels::json_array(types)),
            _ => {
                for (key, ast) in args.iter().zip(asts).step_by(2) {
                    if key.ty != DataType::String {
                        let message = format!("names in json_object are strings, not {}", key.ty);
                        return Err(ExprError::new(ast.span.clone(), message, format!("this is {}", key.ty))
                            .help("it is json_object('name', value, …)"));
                    }
                }
                if args.len() % 2 == 1 {
                    let span = asts[args.len() - 1].span.clone();
                    return Err(ExprError::new(span, "a name in json_object has no value", "and its value?")
                        .help("it is json_object('name', value, …)"));
                }
                ("json_object", kernels::json_object(types))
            }
        };
        Ok(Typed::new(DataType::Json, Node::Call { name, args, kernel }))
    }
}
