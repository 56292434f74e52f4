using Containerd.Conformance;

namespace Containerd.Architecture;

/// <summary>A program that roots every package publishes with NativeAOT without a warning, and runs.</summary>
public class NativeAotTests
{
    [Test]
    [RequiresProgram("gcc")]
    public async Task The_rooted_program_publishes_without_a_warning_and_runs()
    {
        using var output = new ScratchDirectory();
        CommandResult publish = await Command.RunAsync(Command.DotNet,
        [
            "publish", "tests/Containerd.AotSmoke", "-c", Repository.Configuration, "-o", output.Path, "--nologo", "--disable-build-servers",
            // Everything is built: only compile to native code. An IL warning is an error, as any other.
            "-p:BuildProjectReferences=false", "-p:ILLinkTreatWarningsAsErrors=true", "-p:IlcTreatWarningsAsErrors=true",
            .. HasClang() ? Array.Empty<string>() : ["-p:CppCompilerAndLinker=gcc"],
        ], timeout: TimeSpan.FromMinutes(5));
        Assert.That(publish.ExitCode, Is.Zero, publish.ToString());
        // An advisory for a dependency is no matter of this test.
        Assert.That(publish.Output, Does.Not.Match("warning (?!NU19)"));

        CommandResult run = await Command.RunAsync(Path.Join(output.Path, "Containerd.AotSmoke"), []);
        Assert.That(run.ExitCode, Is.Zero, run.ToString());
        Assert.That(run.Output.TrimEnd(), Does.EndWith("ok"));
    }

    private static bool HasClang() => new RequiresProgramAttribute("clang").IsMet;
}
