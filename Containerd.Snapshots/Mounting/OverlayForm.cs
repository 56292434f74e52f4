namespace Containerd.Snapshots;

/// <summary>How the new mount API is told the directories of an overlay, newest first. A kernel that refuses one gets the next.</summary>
internal enum OverlayForm
{
    /// <summary>Each by an open directory: Linux 6.13.</summary>
    Handles,

    /// <summary>Each by its path: Linux 6.7.</summary>
    Paths,

    /// <summary>All lower directories in one value of at most 255 bytes.</summary>
    OneValue,
}
