using System.Collections.Immutable;

namespace Containerd.Snapshots;

/// <summary>How <see cref="OverlaySnapshotter"/> keeps its store and shapes its mounts.</summary>
public sealed class OverlaySnapshotterOptions : LocalSnapshotterOptions
{
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

    /// <summary>
    /// A directory for the writable trees of active snapshots, on another disk than the layers perhaps; made where it is missing, and tried out as the root is. Stores may share one. Committing then
    /// copies the tree to <see cref="LocalSnapshotterOptions.Root"/>. What is prepared as a layer (<see cref="SnapshotOptions.IsLayer"/>) is made in the root at once. Trees made
    /// while it was another directory stay where they are.
    /// </summary>
    /// <value>Null: writable trees lie in the root.</value>
    public string? WritableRoot { get; set; }
}
