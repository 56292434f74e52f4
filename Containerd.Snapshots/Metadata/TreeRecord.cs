namespace Containerd.Snapshots;

/// <summary>What is known of a tree's directory.</summary>
/// <param name="Id">The number that is its name in its place. Of the store's own trees no two have the same, wherever they lie; another store counts for itself.</param>
/// <param name="Place">The directory it lies in; null for the store's own.</param>
/// <param name="IsForeign">Whether it belongs to another store, and is only read here.</param>
/// <param name="KeepsDeletions">Whether what its layer deletes is in it, as overlayfs keeps that.</param>
/// <param name="HasDeletions">Whether there is any of that; true where it is not known.</param>
/// <param name="Boot">The run of the kernel that its content does not survive, since its mounts flush nothing; null where it does.</param>
internal readonly record struct TreeRecord(long Id, string? Place, bool IsForeign, bool KeepsDeletions, bool HasDeletions, string? Boot);
