//! The words of Forge.
