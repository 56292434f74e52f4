namespace Containerd.Snapshots;

/// <summary>Where a layer is written: into the directory beneath the mounts where that is the same, else into the mounted tree .</summary>
internal sealed record LayerTarget
{
    /// <summary>The directory to write into; null where the mounts must be mounted first.</summary>
    public string? Directory { get; private init; }

    /// <summary>The overlay whose upper directory <see cref="Directory"/> is; null for a plain tree.</summary>
    public OverlayMount? Overlay { get; private init; }

    public bool NeedsMount => Directory is null;

    public static LayerTarget Choose(IReadOnlyList<Mount> mounts)
    {
        // What lies at the root of the tree decides: the last mount there covers the others.
        Mount root = mounts.LastOrDefault(mount => mount.Target.Trim('/').Length == 0) ?? throw new ContainerdException(
            ErrorKind.InvalidArgument, "Cannot apply a layer: none of the mounts given is the root of a tree.");
        if (root.IsReadOnly)
        {
            throw new ContainerdException(
                ErrorKind.InvalidArgument, $"Cannot apply a layer to the mount of '{root.Source}' ({root.Type}): it is read-only. Prepare an active snapshot rather than a view.")
            {
                Subject = root.Source,
            };
        }
        // An ID-mapped mount shows other owners than the directory keeps; the directory has those of the layer.
        if (mounts.Count == 1)
        {
            if (OverlayMount.TryParse(root, out OverlayMount? overlay))
                return new LayerTarget { Directory = overlay.UpperDirectory, Overlay = overlay };
            if (root.Type is "bind" or "rbind" || root.SplitOptions().Any(option => option is "bind" or "rbind"))
                return new LayerTarget { Directory = root.Source };
        }
        return new LayerTarget();
    }
}
