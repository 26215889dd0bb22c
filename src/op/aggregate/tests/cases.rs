//! Rules one by one.

use super::*;
