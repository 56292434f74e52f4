using System.IO.Abstractions;

namespace Containerd.Images;

/// <summary>How <see cref="ContentStore"/> and <see cref="ImageStore"/> keep their root directory.</summary>
public sealed class ImageRootOptions
{
    /// <summary>What is done for the case that power is lost.</summary>
    /// <value><see cref="Containerd.Durability.Full"/>.</value>
    public Durability Durability { get; set; }

    /// <summary>The file system through which plain files are read and written. Locks and the database are always real.</summary>
    /// <value>The real one.</value>
    public IFileSystem FileSystem { get; set; } = new FileSystem();

    /// <summary>The clock.</summary>
    /// <value>The system's.</value>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    internal ImageRootOptions Copy() => new() { Durability = Durability, FileSystem = FileSystem, TimeProvider = TimeProvider };
}
