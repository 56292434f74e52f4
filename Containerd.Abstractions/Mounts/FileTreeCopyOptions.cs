namespace Containerd;

/// <summary>What <see cref="IFileTreeCopier"/> copies.</summary>
public sealed record FileTreeCopyOptions
{
    /// <summary>
    /// Whether what the destination has and the source has not is removed, and what stands in the way. What patterns leave out stays, unless the directory it is in goes.
    /// </summary>
    /// <value>False: the trees are merged, the source winning.</value>
    public bool Mirror { get; init; }

    /// <summary>Patterns of paths to copy, relative to the source, in the syntax of <c>.dockerignore</c>; empty for all.</summary>
    /// <value>Empty.</value>
    public IReadOnlyList<string> Include { get; init; } = [];

    /// <summary>Patterns of paths to leave out, in the same syntax; they win over <see cref="Include"/>.</summary>
    /// <value>Empty.</value>
    public IReadOnlyList<string> Exclude { get; init; } = [];
}
