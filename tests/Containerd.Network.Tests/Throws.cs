using NUnit.Framework.Constraints;

namespace Containerd.Network.Tests;

/// <summary>NUnit's constraints, and those on the error model.</summary>
internal sealed class Throws : NUnit.Framework.Throws
{
    public static Constraint OfKind(ErrorKind kind) =>
        InstanceOf<ContainerdException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(kind);

    public static Constraint Corrupted() => OfKind(ErrorKind.DataCorrupted);
}
