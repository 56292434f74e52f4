namespace Containerd.Snapshots;

/// <summary>The scale of a compression: from the level that is fastest to the one that makes the least.</summary>
internal readonly record struct CompressionLevels(string Compression, int Lowest, int Highest, int Default)
{
    /// <summary>The level asked for, or the default.</summary>
    public int Choose(int? level)
    {
        int chosen = level ?? Default;
        if (chosen >= Lowest && chosen <= Highest)
            return chosen;
        throw new ContainerdException(
            ErrorKind.InvalidArgument,
            $"Cannot compress a layer with {Compression} at level {chosen}: its levels go from {Lowest} to {Highest}; {Default} is the default.") { Subject = Compression };
    }
}
