//! The types of functions.

use std::fmt;

use crate::SideModuleError;
use crate::imports::unknown;
use crate::reader::Reader;

/// Parameters or results of one function; more is no function that a compiler makes.
const MOST_VALUES: u32 = 1_000;

/// The byte before a function type.
const FUNCTION: u8 = 0x60;

/// What a function takes and gives.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionType {
    /// Types of its parameters.
    pub parameters: Vec<ValueType>,
    /// Types of its results.
    pub results: Vec<ValueType>,
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueType {
    /// 32-bit integer; pointers are of this type.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit floating point number.
    F32,
    /// 64-bit floating point number.
    F64,
    /// 128-bit vector.
    V128,
    /// Reference to a function, possibly null.
    FunctionReference,
    /// Reference to a thing of the host, possibly null.
    HostReference,
    /// Another reference; these are not told apart.
    Reference,
}

impl ValueType {
    /// Reads a value type: one byte, or a reference with a heap type after it.
    pub(crate) fn parse(reader: &mut Reader<'_>) -> Result<Self, SideModuleError> {
        let offset = reader.offset();
        match reader.byte("a value type")? {
            0x7F => Ok(Self::I32),
            0x7E => Ok(Self::I64),
            0x7D => Ok(Self::F32),
            0x7C => Ok(Self::F64),
            0x7B => Ok(Self::V128),
            0x70 => Ok(Self::FunctionReference),
            0x6F => Ok(Self::HostReference),
            // The other short forms of nullable references, exn to nofunc.
            0x69..=0x74 => Ok(Self::Reference),
            0x63 | 0x64 => reader.skip_s33("a heap type").map(|()| Self::Reference),
            value => Err(unknown("a value type", offset, value)),
        }
    }
}

/// The function types of the type section, up to the first type of another form.
pub(crate) fn parse(mut reader: Reader<'_>) -> Result<Vec<FunctionType>, SideModuleError> {
    let count = reader.count("the number of types", reader.limits.symbols)?;
    let mut types = Vec::new();
    for _ in 0..count {
        // Proposals since have brought other forms: the engine knows them, a linker need not.
        if reader.byte("a type's form")? != FUNCTION {
            return Ok(types);
        }
        types.push(FunctionType { parameters: values(&mut reader)?, results: values(&mut reader)? });
    }
    reader.finish("the type section")?;
    Ok(types)
}

fn values(reader: &mut Reader<'_>) -> Result<Vec<ValueType>, SideModuleError> {
    let count = reader.count("the number of a function's values", MOST_VALUES)?;
    (0..count).map(|_| ValueType::parse(reader)).collect()
}

/// The types, by index, of the module's own functions.
pub(crate) fn parse_functions(mut reader: Reader<'_>) -> Result<Vec<u32>, SideModuleError> {
    let count = reader.count("the number of functions", reader.limits.symbols)?;
    let functions = (0..count).map(|_| reader.u32("a function's type")).collect::<Result<Vec<_>, _>>()?;
    reader.finish("the function section")?;
    Ok(functions)
}

impl fmt::Display for FunctionType {
    /// `(i32, f64) -> i32`, `() -> ()`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = |values: &[ValueType]| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        write!(formatter, "({}) -> ", listed(&self.parameters))?;
        match self.results.as_slice() {
            [one] => write!(formatter, "{one}"),
            results => write!(formatter, "({})", listed(results)),
        }
    }
}

impl fmt::Display for ValueType {
    /// The name that WebAssembly's text format uses.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::V128 => "v128",
            Self::FunctionReference => "funcref",
            Self::HostReference => "externref",
            Self::Reference => "ref",
        })
    }
}
