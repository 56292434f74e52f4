using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace Containerd.Conformance;

/// <summary>Says what a test needs of the machine. Where it is missing the test is ignored, with the need as the reason.</summary>
/// <remarks>
/// The reason has the form <c>needs KIND:NAME</c> (<c>needs root</c>, <c>needs program:runc</c>, <c>needs filesystem:overlay</c>,
/// <c>needs kernel:6.15</c>), which the CI script reads to make sure that the machine really lacks it.
/// </remarks>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method | AttributeTargets.Assembly, AllowMultiple = true)]
public abstract class RequirementAttribute : NUnitAttribute, IApplyToTest
{
    /// <summary>The need as <c>KIND</c> or <c>KIND:NAME</c>.</summary>
    public abstract string Need { get; }

    /// <summary>Whether this machine meets the need.</summary>
    public abstract bool IsMet { get; }

    /// <summary>Ignores the test where the need is not met.</summary>
    /// <param name="test">The test or fixture.</param>
    public void ApplyToTest(Test test)
    {
        if (test.RunState is RunState.NotRunnable or RunState.Ignored || IsMet)
            return;
        test.RunState = RunState.Ignored;
        test.Properties.Set(PropertyNames.SkipReason, $"needs {Need}");
    }
}
