using NUnit.Framework.Constraints;

namespace Containerd.Snapshots.Tests;

/// <summary>Compares arrays of many megabytes at once rather than byte by byte.</summary>
internal sealed class SameBytes(byte[] expected) : Constraint
{
    public override string Description => $"the {expected.Length} bytes expected";

    public override ConstraintResult ApplyTo<TActual>(TActual actual) =>
        new(this, $"{(actual as byte[])?.Length} bytes", actual is byte[] bytes && bytes.AsSpan().SequenceEqual(expected));
}
