using System.Text;
using System.Xml.Linq;
using Containerd.Conformance;

namespace Containerd.Architecture;

/// <summary>The scripts that count test results, and that tell a needless skip from a rightful one.</summary>
public class ContinuousIntegrationTests
{
    private ScratchDirectory _scratch = null!;

    [SetUp]
    public void SetUp() => _scratch = new ScratchDirectory();

    [TearDown]
    public void TearDown() => _scratch.Dispose();

    [Test]
    public async Task Outcomes_are_counted_over_all_files()
    {
        string one = Results("one", ("Passed", null), ("Passed", null), ("Failed", "Expected: <1> & \"outcome=\"Passed\"\""));
        string two = Results("two", ("Passed", null), ("NotExecuted", "needs root"));

        Assert.That(await CountAsync(one, two), Is.EqualTo("3 1 1"));
    }

    [Test]
    public async Task An_outcome_that_is_not_known_is_a_failure() =>
        Assert.That(await CountAsync(Results("one", ("Inconclusive", null), ("Timeout", null), ("Aborted", null))), Is.EqualTo("0 3 0"));

    [Test]
    public async Task A_missing_file_holds_no_test() =>
        Assert.That(await CountAsync(Path.Join(_scratch.Path, "missing.trx")), Is.EqualTo("0 0 0"));

    [Test]
    public async Task Reasons_are_listed_with_their_number()
    {
        string file = Results("one", ("NotExecuted", "needs program:a"), ("NotExecuted", "needs program:a"),
            ("NotExecuted", "OneTimeSetUp: needs program:a"), ("NotExecuted", "only <now> & \"then\"\nand again"), ("NotExecuted", null), ("Passed", null));

        CommandResult result = await Command.RunAsync("bash", ["eng/trx.sh", "skipped", file]);

        Assert.That(result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries),
            Is.EquivalentTo(["3\tneeds program:a", "1\tonly <now> & \"then\" and again", "1\tno reason given"]));
    }

    [Test]
    public async Task No_skip_is_right() =>
        Assert.That((await CheckAsync(Results("one", ("Passed", null)))).ExitCode, Is.Zero);

    [Test]
    public async Task A_skip_for_root_is_wrong_as_root_alone() =>
        Assert.That((await CheckSkipAsync("needs root")).ExitCode, Is.EqualTo(Environment.IsPrivilegedProcess ? 1 : 0));

    [Test]
    public async Task A_skip_for_a_program_that_is_there_is_wrong() =>
        Assert.That(await CheckSkipAsync("needs program:bash"), Complains("but it is /"));

    [Test]
    public async Task A_skip_for_a_program_that_nothing_installs_is_wrong() =>
        Assert.That(await CheckSkipAsync("needs program:no-such-program"), Complains("eng/debian-packages.txt names no package"));

    [Test]
    public async Task A_skip_for_a_program_that_could_not_be_installed_is_right()
    {
        // A search path with all that the script itself uses, and nothing more.
        string bin = Directory.CreateDirectory(Path.Join(_scratch.Path, "bin")).FullName;
        foreach (string tool in (string[])["bash", "awk", "sort", "head", "uname", "dirname"])
            File.CreateSymbolicLink(Path.Join(bin, tool), Path.Join("/usr/bin", tool));
        var environment = new Dictionary<string, string?> { ["PATH"] = bin };

        CommandResult result = await Command.RunAsync(
            "/usr/bin/bash", ["eng/check-skips.sh", Results("one", ("NotExecuted", "needs program:pigz"))], environment);

        Assert.That(result.ExitCode, Is.Zero, result.ToString());
    }

    [Test]
    public async Task A_skip_for_a_file_system_that_is_there_is_wrong() =>
        Assert.That(await CheckSkipAsync("needs filesystem:proc"), Complains("/proc/filesystems lists it"));

    [Test]
    public async Task A_skip_for_a_file_system_that_is_not_there_is_right() =>
        Assert.That((await CheckSkipAsync("needs filesystem:no-such-type")).ExitCode, Is.Zero);

    [Test]
    public async Task A_skip_for_an_older_or_this_kernel_is_wrong()
    {
        Version kernel = Environment.OSVersion.Version;

        Assert.That(await CheckSkipAsync("needs kernel:4.9"), Complains("but this is "));
        Assert.That(await CheckSkipAsync($"needs kernel:{kernel.Major}.{kernel.Minor}"), Complains("but this is "));
    }

    [Test]
    public async Task A_skip_for_a_newer_kernel_is_right()
    {
        Version kernel = Environment.OSVersion.Version;

        Assert.That((await CheckSkipAsync($"needs kernel:{kernel.Major}.{kernel.Minor + 1}")).ExitCode, Is.Zero);
        Assert.That((await CheckSkipAsync($"needs kernel:{kernel.Major + 90}.0")).ExitCode, Is.Zero);
    }

    [TestCase("works on my machine")]
    [TestCase("needs")]
    [TestCase("needs luck:much")]
    [TestCase("needs kernel:")]
    [TestCase(null)]
    public async Task A_skip_for_another_reason_is_wrong(string? reason) =>
        Assert.That(await CheckSkipAsync(reason), Complains("no reason that is known here"));

    [Test]
    public void Every_requirement_has_a_reason_that_is_known()
    {
        string script = File.ReadAllText(Path.Join(Repository.Root, "eng", "check-skips.sh"));
        RequirementAttribute[] requirements =
            [new RequiresRootAttribute(), new RequiresProgramAttribute("x"), new RequiresFileSystemAttribute("x"), new RequiresKernelAttribute(1, 2)];

        // One of each type that the kit has: a new one is to be added here and to the script.
        Assert.That(requirements.Select(requirement => requirement.GetType()), Is.EquivalentTo(
            typeof(RequirementAttribute).Assembly.GetExportedTypes().Where(type => type.IsSubclassOf(typeof(RequirementAttribute)))));
        foreach (RequirementAttribute requirement in requirements)
            Assert.That(script, Does.Contain($"'needs {requirement.Need.Split(':')[0]}"));
    }

    private static NUnit.Framework.Constraints.ContainsConstraint Complains(string text) =>
        Has.Property(nameof(CommandResult.ExitCode)).EqualTo(1).And.Property(nameof(CommandResult.Output)).Contains(text);

    private Task<CommandResult> CheckSkipAsync(string? reason) => CheckAsync(Results("one", ("Passed", null), ("NotExecuted", reason)));

    private static Task<CommandResult> CheckAsync(string file) => Command.RunAsync("bash", ["eng/check-skips.sh", file]);

    private static async Task<string> CountAsync(params string[] files) =>
        (await Command.RunAsync("bash", ["eng/trx.sh", "count", .. files])).Output.Trim();

    // A file as VSTest writes it, down to the order of the elements.
    private string Results(string name, params (string Outcome, string? Message)[] tests)
    {
        XNamespace trx = "http://microsoft.com/schemas/VisualStudio/TeamTest/2010";
        var results = new XElement(trx + "Results", tests.Select((test, index) =>
            new XElement(trx + "UnitTestResult",
                new XAttribute("executionId", index),
                new XAttribute("testName", $"Test(\"outcome=\\\"Passed\\\" <{index}>\")"),
                new XAttribute("outcome", test.Outcome),
                new XElement(trx + "Output",
                    new XElement(trx + "StdOut", "<UnitTestResult outcome=\"Passed\" />"),
                    test.Message is null ? null : new XElement(trx + "ErrorInfo", new XElement(trx + "Message", test.Message))))));
        string path = Path.Join(_scratch.Path, name + ".trx");
        File.WriteAllText(path, new XElement(trx + "TestRun", results, new XElement(trx + "TestDefinitions")).ToString(), Encoding.UTF8);
        return path;
    }
}
