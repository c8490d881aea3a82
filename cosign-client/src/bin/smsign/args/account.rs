//! What users of the service can type.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::ServerArgs;

#[derive(Args)]
pub(crate) struct Account {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(subcommand)]
    pub(crate) act: AccountAct,
}

#[derive(Subcommand)]
pub(crate) enum AccountAct {
    /// Have a code sent to a phone, and show its id
    Code {
        /// The phone number
        #[arg(value_name = "PHONE")]
        phone: String,
        /// What the code is to be for
        #[arg(long = "for", value_enum, default_value_t = CodeFor::Login)]
        purpose: CodeFor,
    },
    /// Log in with a code, or with a phone number and its password; whoever has no account gets one
    Login(Login),
    /// Log out
    Logout,
    /// Ask for something, as the API describes it: /v1/account
    Get {
        /// A path with its query
        #[arg(value_name = "PATH")]
        target: String,
    },
    /// Do something, as the API describes it: /v1/messages/ID/read
    Post {
        /// A path with its query
        #[arg(value_name = "PATH")]
        target: String,
        /// JSON to send [default: {}]
        #[arg(value_name = "BODY")]
        body: Option<String>,
        /// Send the JSON in this file
        #[arg(long, value_name = "FILE", conflicts_with = "body")]
        body_file: Option<PathBuf>,
    },
    /// Hand in a file: a PNG or JPEG picture or a PDF document
    Attach {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CodeFor {
    /// Logging in
    Login,
    /// Setting the password
    Password,
    /// Cancelling the account
    Cancel,
    /// Asking for an account that was cancelled
    Appeal,
    /// Saying who one is
    Person,
    /// Signing a letter or a decision
    Sign,
    /// Showing that a legal representative knows of a claim
    Legal,
    /// Authorising what one applies for
    Apply,
}

impl CodeFor {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Password => "password",
            Self::Cancel => "cancel",
            Self::Appeal => "appeal",
            Self::Person => "person",
            Self::Sign => "sign",
            Self::Legal => "legal",
            Self::Apply => "apply",
        }
    }
}

#[derive(Args)]
pub(crate) struct Login {
    /// The code's id, as `account code` showed it
    #[arg(long, value_name = "ID", requires = "code", required_unless_present = "phone")]
    pub(crate) code_id: Option<String>,
    /// The code that the phone received
    #[arg(long, value_name = "CODE", requires = "code_id")]
    pub(crate) code: Option<String>,
    /// Log in with the password of this phone number; it comes from SMSIGN_LOGIN_PASSWORD, --password-file or the terminal
    #[arg(long, value_name = "PHONE", conflicts_with = "code_id")]
    pub(crate) phone: Option<String>,
    /// A code needs the password too
    #[arg(long, requires = "code_id")]
    pub(crate) with_password: bool,
    /// Agree to the user agreement and the privacy policy in this version
    #[arg(long, value_name = "VERSION")]
    pub(crate) agree: Option<String>,
    /// What to call this device
    #[arg(long, default_value = "smsign")]
    pub(crate) name: String,
}
