//! Tests of the Meet application on either framework, over real sockets, against the program.

mod addresses;
mod client;
mod connections;
mod hosts;
mod memory;
mod pages;
mod server;
