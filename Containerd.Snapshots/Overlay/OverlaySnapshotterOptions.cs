using System.Collections.Immutable;

namespace Containerd.Snapshots;

/// <summary>How <see cref="OverlaySnapshotter"/> keeps its store and shapes its mounts.</summary>
public sealed class OverlaySnapshotterOptions
{
    /// <summary>
    /// The directory of the store; made where it is missing. On a local file system that overlay can use as an upper layer (ext4, xfs with
    /// <c>ftype=1</c>, btrfs, tmpfs …; not on an overlay).
    /// </summary>
    /// <value>None: it has to be set.</value>
    public string Root { get; set; } = "";

    /// <summary>What power loss may take.</summary>
    /// <value>
    /// <see cref="Durability.Full"/>: nothing that a call reported as done, but what is in an active snapshot, which is flushed when it is committed, not before. An active
    /// snapshot or a view may then be listed whose directory is incomplete or missing: remove it, and prepare it anew.
    /// </value>
    public Durability Durability { get; set; }

    /// <summary>
    /// Options for every overlay mount, behind its directories and before those the snapshotter adds itself (<c>userxattr</c>, <c>index=off</c>). Never
    /// given to bind mounts. With <c>index=…</c> among them the snapshotter adds none.
    /// </summary>
    /// <value>Empty.</value>
    /// <exception cref="ArgumentException">One of them is a directory or an ID map, which only the snapshotter can know.</exception>
    public ImmutableArray<string> MountOptions
    {
        get => field.IsDefault ? [] : field;
        set
        {
            foreach (string option in value.IsDefault ? [] : value)
            {
                if (option.Contains(',', StringComparison.Ordinal) || option.Split('=')[0] is "" or "lowerdir" or "lowerdir+" or "datadir+" or "upperdir" or "workdir" or "uidmap" or "gidmap")
                    throw new ArgumentException($"'{option}' is not one option that an overlay mount can be given.", nameof(value));
            }
            field = value;
        }
    } = [];

    /// <summary>How long a change waits while other processes write to the store without pause, before it fails as <see cref="ErrorKind.Unavailable"/>.</summary>
    /// <value>30 seconds. A transaction takes less than a millisecond besides the flush of the disk.</value>
    /// <exception cref="ArgumentOutOfRangeException">Negative, or longer than an hour.</exception>
    public TimeSpan BusyTimeout
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, TimeSpan.FromHours(1));
            field = value;
        }
    } = TimeSpan.FromSeconds(30);
}
