using System.CommandLine;
using Containerd;
using Containerd.Snapshots;
using Microsoft.Extensions.Logging;

namespace Ctr;

/// <summary>Which store of snapshots a command works on, and how it is opened.</summary>
/// <param name="Root">The store's own directory.</param>
internal sealed record SnapshotStore(string Root)
{
    private static readonly Option<string?> RootOption = new("--snapshots")
    {
        Description = "The store of snapshots, by its own directory; made where it is missing. Default: snapshots below --root.",
        HelpName = "DIR",
        Recursive = true,
    };

    /// <summary>The store that the command line names.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="root">Where the suite keeps what has no place of its own.</param>
    public static SnapshotStore Of(ParseResult parse, string root) =>
        new(parse.GetValue(RootOption) is { } named ? Path.GetFullPath(named) : Path.Join(root, "snapshots"));

    /// <summary>Gives a command, and those beneath it, the options that choose the store.</summary>
    public static Command AddOptionsTo(Command command)
    {
        command.Add(RootOption);
        return command;
    }

    /// <summary>Opens the store. All else of this program sees the interface alone.</summary>
    public ISnapshotter Open(ILoggerFactory? loggerFactory) => new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root }, loggerFactory);
}
