using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>What is known about a directory that entries were put into, or that an entry describes.</summary>
internal sealed class DirectoryRecord
{
    public required int Id { get; init; }

    public required ulong Device { get; init; }

    public required ulong Inode { get; init; }

    /// <summary>Where in the tree it is: the path on which no link is followed, which stays the same when one is replaced.</summary>
    public required byte[] Path { get; init; }

    /// <summary>Whether it is the root, whichever path led to it.</summary>
    public bool IsRoot => Path.Length == 0;

    /// <summary>Whether an entry of the layer describes it. Where none does, its attributes came from what lies beneath.</summary>
    public bool Described { get; set; }

    /// <summary>Whether it has a default ACL, which what is made in it inherits; null where nobody has looked.</summary>
    public bool? HasDefaultAcl { get; set; }

    /// <summary>The times it shall have when all is done: making entries in it changes them meanwhile.</summary>
    public Interop.FileTime AccessTime { get; set; }

    /// <inheritdoc cref="AccessTime"/>
    public Interop.FileTime ModifyTime { get; set; }
}

/// <summary>An open directory of the tree.</summary>
internal readonly record struct TreeDirectory(SafeFileHandle Handle, DirectoryRecord Record);
