using System.CommandLine;

namespace Ctr;

/// <summary>The options that every command has.</summary>
internal static class GlobalOptions
{
    public static readonly Option<string> Root = new("--root")
    {
        Description = "Where images and snapshots are kept.",
        DefaultValueFactory = _ => "/var/lib/ctr-net",
        HelpName = "DIR",
        Recursive = true,
    };

    public static readonly Option<string> State = new("--state")
    {
        Description = "Where the state of running containers is kept; may be gone after a restart of the machine.",
        DefaultValueFactory = _ => "/run/ctr-net",
        HelpName = "DIR",
        Recursive = true,
    };

    public static readonly Option<string?> Runtime = new("--runtime")
    {
        Description = "The OCI runtime: a name in the search path, or a path. Default: runc.",
        HelpName = "PROGRAM",
        Recursive = true,
    };

    public static readonly Option<bool> Verbose = new("--verbose")
    {
        Description = "Shows what the packages log, and where an error came from.",
        Recursive = true,
    };

    public static readonly Option<bool> Quiet = new("--quiet", "-q") { Description = "Prints only names, one a line." };

    public static IEnumerable<Option> All => [Root, State, Runtime, Verbose];
}
