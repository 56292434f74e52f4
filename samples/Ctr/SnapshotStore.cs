using System.CommandLine;
using Containerd.Snapshots;
using Microsoft.Extensions.Logging;

namespace Ctr;

/// <summary>Which store of snapshots a command works on, and how it is opened.</summary>
/// <param name="Root">The store's own directory.</param>
/// <param name="Snapshotter">The name of the snapshotter; null for the one that the store was made with, or else the best that works there.</param>
/// <param name="IsReadOnly">Whether nothing of it is changed.</param>
internal sealed record SnapshotStore(string Root, string? Snapshotter, bool IsReadOnly)
{
    private const string Automatic = "auto";

    private static readonly Option<string?> RootOption = new("--snapshots")
    {
        Description = "The store of snapshots, by its own directory; made where it is missing. Default: snapshots below --root.",
        HelpName = "DIR",
        Recursive = true,
    };

    private static readonly Option<string> SnapshotterOption = MakeSnapshotterOption();

    private static readonly Option<bool> ReadOnlyOption = new("--read-only")
    {
        Description = "Open the store to read only: it may be in use, or on a read-only medium, and nothing in it is changed.",
        Recursive = true,
    };

    /// <summary>The store that the command line names.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="root">Where the suite keeps what has no place of its own.</param>
    public static SnapshotStore Of(ParseResult parse, string root) => new(
        parse.GetValue(RootOption) is { } named ? Path.GetFullPath(named) : Path.Join(root, "snapshots"),
        parse.GetValue(SnapshotterOption) is { } name and not Automatic ? name : null,
        parse.GetValue(ReadOnlyOption));

    /// <summary>Gives a command, and those beneath it, the options that choose the store.</summary>
    public static Command AddOptionsTo(Command command)
    {
        command.Add(RootOption);
        command.Add(SnapshotterOption);
        return command;
    }

    /// <summary>Gives a command, and those beneath it, the option to change nothing.</summary>
    public static Command AddReadOnlyTo(Command command)
    {
        command.Add(ReadOnlyOption);
        return command;
    }

    /// <summary>Opens the store.</summary>
    public LocalSnapshotter Open(ILoggerFactory? loggerFactory)
    {
        var options = new OverlaySnapshotterOptions { Root = Root, IsReadOnly = IsReadOnly };
        return Snapshotter is null ? SnapshotterChoice.Open(options, loggerFactory) : SnapshotterChoice.Open(Snapshotter, options, loggerFactory);
    }

    private static Option<string> MakeSnapshotterOption()
    {
        var option = new Option<string>("--snapshotter")
        {
            Description = "Who keeps the snapshots. auto: whoever made the store; in a new one the best that works there.",
            DefaultValueFactory = _ => Automatic,
            Recursive = true,
        };
        option.AcceptOnlyFromAmong([Automatic, .. SnapshotterChoice.Names]);
        return option;
    }
}
