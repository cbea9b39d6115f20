//! Tests of the site on either framework, over real sockets, against the program itself.

mod attendance;
mod host;
mod meetings;
mod site;
